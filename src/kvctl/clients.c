/*
 * clients: who is connected.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kvctl/clients.h"
#include "kvctl/ctl_format.h"

const char clients_head[] =
    "      ID PEER                       AGE    IDLE  COMMANDS      IN     "
    "OUT  QUEUED COMMAND  SUBS TRANS SNAPSHOT     PID";

/* A number, or "-" if there is none. */
static const char *
optional(char text[CTL_TEXT_SIZE], int64_t number, int64_t none)
{
	if (number == none)
		return "-";
	return ctl_format_number(text, (uint64_t)number);
}

void
clients_format(char line[CLIENTS_LINE_SIZE], const struct record *r)
{
	char age[CTL_TEXT_SIZE], idle[CTL_TEXT_SIZE], in[CTL_TEXT_SIZE],
	    out[CTL_TEXT_SIZE], queued[CTL_TEXT_SIZE], subs[CTL_TEXT_SIZE],
	    trans[CTL_TEXT_SIZE], listing[CTL_TEXT_SIZE];
	int64_t listing_ms = record_number(r, "listing-ms");

	snprintf(line, CLIENTS_LINE_SIZE,
	    "%8s %-22s %7s %7s %9s %7s %7s %7s %-8s %4s %5s %8s %7s",
	    record_text(r, "id"), record_text(r, "peer"),
	    ctl_format_time(age, record_number(r, "age-ms")),
	    ctl_format_time(idle, record_number(r, "idle-ms")),
	    record_text(r, "commands"),
	    ctl_format_size(in, (uint64_t)record_number(r, "received")),
	    ctl_format_size(out, (uint64_t)record_number(r, "sent")),
	    ctl_format_size(queued, (uint64_t)record_number(r, "queued")),
	    record_text(r, "command"),
	    optional(subs, record_number(r, "subscriptions"), 0),
	    optional(trans, record_number(r, "transaction"), -1),
	    listing_ms == -1 ? "-" : ctl_format_time(listing, listing_ms),
	    record_text(r, "pid"));
}

static void
take(struct ctl *ctl, void *arg, char *text)
{
	char line[CLIENTS_LINE_SIZE];
	struct record r;

	(void)ctl;
	(void)arg;
	record_parse(&r, text);
	if (strcmp(r.word, "client") != 0)
		return;
	clients_format(line, &r);
	puts(line);
}

int
clients_show(struct ctl *ctl, const char *argument)
{
	puts(clients_head);
	return ctl_complain(ctl, ctl_ask(ctl, "clients", argument, take, NULL));
}
