/*
 * kv_options: the command line and the environment.
 */

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "kv/kv_options.h"
#include "kv/kv_status.h"
#include "proto/command.h"

#define DEFAULT_PORT "4040"
/* Longer than kvd's registry-timeout, so that kvd's own error comes first. */
#define TIMEOUT_S 15
#define TIMEOUT_MIN_S 0.001
#define TIMEOUT_MAX_S 86400
#define LIMIT_MAX INT64_C(4294967295)

/* What all commands have. */
static const char flags[] = "Vh:jp:t:u:w";
/* A command has fewer options. */
#define FLAGS_SIZE 64

/* --help has no letter, because -h is the host. */
#define HELP 256

static const struct option long_flags[] = {
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

void
kv_options_init(struct kv_options *o)
{
	memset(o, 0, sizeof(*o));
	o->timeout_ms = TIMEOUT_S * 1000;
	o->wait_ms = -1;
}

static int
parse_timeout(const char *text)
{
	double seconds;

	if (!number_decimal_in_range(text, TIMEOUT_MIN_S, TIMEOUT_MAX_S,
		&seconds))
		errx(KV_USAGE, "-t: not a number of seconds from %g to %d: %s",
		    TIMEOUT_MIN_S, TIMEOUT_MAX_S, text);
	return (int)(seconds * 1000);
}

/* The server gets the text as it is, if it is a number. */
static char *
parse_number(int option, int64_t max, char *text)
{
	int64_t number;

	if (!number_in_range(text, 1, max, &number))
		errx(KV_USAGE, "-%c: not a number from 1 to %lld: %s", option,
		    (long long)max, text);
	return text;
}

int64_t
kv_options_time_ms(const char *what, const char *text)
{
	int64_t time_ms;

	if (command_parse_time(bytes_from_text(text), &time_ms) != STATUS_OK)
		errx(KV_USAGE,
		    "%s: not a time, or out of range: %s (a number of seconds, "
		    "or with ms, s, m, h or d behind it)",
		    what, text);
	return time_ms;
}

static int64_t
parse_wait(const char *text)
{
	/* Not to wait at all is not a time to live. */
	return strcmp(text, "0") == 0 ? 0 : kv_options_time_ms("-w", text);
}

static char *
parse_revision(char *text)
{
	int64_t revision;

	if (!number_in_range(text, 0, INT64_MAX, &revision))
		errx(KV_USAGE, "-s: not a revision: %s", text);
	return text;
}

/* An option that only some commands have, of which some take a word. */
static void
take_own(struct kv_options *o, int option, char *word)
{
	switch (option) {
	case '0':
		o->nul = true;
		break;
	case 'A':
		o->after = word;
		break;
	case 'L':
		o->limit = parse_number(option, LIMIT_MAX, word);
		break;
	case 'P':
	case 'p': /* of pop, clear and watch; else it is the port */
		o->prefix = word;
		break;
	case 'e':
		(void)kv_options_time_ms("-e", word);
		o->time = word;
		break;
	case 'i':
		o->value = word;
		break;
	case 'k':
		o->kill = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 's':
		if (word == NULL)
			o->plain = true;
		else
			o->since = parse_revision(word);
		break;
	default: /* 'w' */
		o->wait_ms = parse_wait(word);
		break;
	}
}

static bool
take(struct kv_options *o, int option)
{
	switch (option) {
	case HELP:
		o->help = true;
		break;
	case 'V':
		o->version = true;
		break;
	case 'h':
		o->host = optarg;
		break;
	case 'j':
		o->json = true;
		break;
	case 'p':
		o->port = optarg;
		break;
	case 't':
		o->timeout_ms = parse_timeout(optarg);
		break;
	case 'u':
		o->path = optarg;
		break;
	case 'w':
		o->unquote = true;
		break;
	default:
		return false;
	}
	return true;
}

int
kv_options_parse(struct kv_options *o, const char *own, int argc, char *argv[])
{
	char all[FLAGS_SIZE];
	const char *found;
	int option;

	/* The + makes getopt(3) stop at the first argument.  Of two options with
	 * the same letter it takes the first. */
	snprintf(all, sizeof(all), "+%s%s", own, flags);
	optind = 1;
	while (
	    (option = getopt_long(argc, argv, all, long_flags, NULL)) != -1) {
		found = option < HELP ? strchr(own, option) : NULL;
		if (found != NULL)
			take_own(o, option, found[1] == ':' ? optarg : NULL);
		else if (!take(o, option))
			return -1;
	}
	return optind;
}

void
kv_options_target(const struct kv_options *o, struct target *t)
{
	const char *server = getenv("KV_SERVER");
	char error[TARGET_ERROR_SIZE];

	target_init(t, DEFAULT_PORT);
	/* Options that replace all of it make up for a wrong one. */
	if (server != NULL && server[0] != '\0' && o->path == NULL &&
	    (o->host == NULL || o->port == NULL) &&
	    !target_parse(t, server, error))
		errx(KV_USAGE, "KV_SERVER: %s", error);
	if (!target_set(t, o->host, o->port, o->path, error))
		errx(KV_USAGE, "%s", error);
}
