/*
 * kv_options: the command line and the environment.
 */

#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "kv/kv_options.h"
#include "kv/kv_status.h"
#include "proto/message.h"

#define DEFAULT_PORT "4040"
/* Longer than kvd's registry-timeout, so that kvd's own error comes first. */
#define TIMEOUT_S 15
#define TIMEOUT_MIN_S 0.001
#define TIMEOUT_MAX_S 86400
#define LIMIT_MAX INT64_C(4294967295)

/* The + makes getopt(3) stop at the first argument. */
static const char flags[] = "+0A:L:P:Ve:h:jp:qst:u:w";

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

/* An option that only some commands have.  Returns false: none has it. */
static bool
take_own(struct kv_options *o, int option)
{
	size_t n = strlen(o->own);

	switch (option) {
	case '0':
		o->nul = true;
		break;
	case 'A':
		o->after = optarg;
		break;
	case 'L':
		o->limit = parse_number(option, LIMIT_MAX, optarg);
		break;
	case 'P':
		o->prefix = optarg;
		break;
	case 'e':
		o->seconds = parse_number(option, MESSAGE_SECONDS_MAX, optarg);
		break;
	case 'q':
		o->quiet = true;
		break;
	case 's':
		o->plain = true;
		break;
	default:
		return false;
	}
	if (strchr(o->own, option) == NULL && n < sizeof(o->own) - 1)
		o->own[n] = (char)option;
	return true;
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
		return take_own(o, option);
	}
	return true;
}

int
kv_options_parse(struct kv_options *o, int argc, char *argv[])
{
	int option;

	optind = 1;
	while (
	    (option = getopt_long(argc, argv, flags, long_flags, NULL)) != -1)
		if (!take(o, option))
			return -1;
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
