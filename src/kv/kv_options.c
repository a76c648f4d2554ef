/*
 * options: the command line and the environment.
 */

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv/kv_commands.h"
#include "kv/kv_options.h"
#include "kv/kv_status.h"

/* Longer than kvd's registry-timeout, so that kvd can say what is wrong. */
#define TIMEOUT_S 15
#define TIMEOUT_MAX_S 86400

/* + is for getopt(3): no option after an argument. */
static const char flags[] = "+0A:L:P:Ve:h:jp:qst:u:w";

/* No letter: -h is the host. */
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

bool
kv_options_is_integer(const char *text, long long min, long long max)
{
	size_t sign = text[0] == '-' && min < 0;
	long long n;

	if (text[sign] == '\0' ||
	    strspn(text + sign, "0123456789") != strlen(text + sign))
		return false;
	errno = 0;
	n = strtoll(text, NULL, 10);
	return errno == 0 && n >= min && n <= max;
}

static int
parse_timeout(const char *text)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end != '\0' || !(seconds >= 0.001) ||
	    seconds > TIMEOUT_MAX_S)
		errx(KV_USAGE, "-t: from 0.001 to %d seconds: %s",
		    TIMEOUT_MAX_S, text);
	return (int)(seconds * 1000);
}

/* Those that only some commands have. */
static void
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
		if (!kv_options_is_integer(optarg, 1, 4294967295LL))
			errx(KV_USAGE, "-L: no number of names: %s", optarg);
		o->limit = optarg;
		break;
	case 'P':
		o->prefix = optarg;
		break;
	case 'e':
		if (!kv_options_is_integer(optarg, 1, MESSAGE_SECONDS_MAX))
			errx(KV_USAGE, "-e: no number of seconds: %s", optarg);
		o->seconds = optarg;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 's':
		o->plain = true;
		break;
	default:
		kv_commands_usage();
	}
	if (strchr(o->own, option) == NULL && n < sizeof(o->own) - 1)
		o->own[n] = (char)option;
}

static void
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
		take_own(o, option);
	}
}

int
kv_options_parse(struct kv_options *o, int argc, char *argv[])
{
	int option;

	optind = 1;
	while (
	    (option = getopt_long(argc, argv, flags, long_flags, NULL)) != -1)
		take(o, option);
	return optind;
}

void
kv_options_target(const struct kv_options *o, struct target *t)
{
	const char *server = getenv("KV_SERVER");
	char error[TARGET_ERROR_SIZE];

	target_init(t);
	if (o->path != NULL) {
		if (o->host != NULL || o->port != NULL)
			errx(KV_USAGE, "-u does not go with -h and -p");
		if (!target_set_path(t, o->path, error))
			errx(KV_USAGE, "-u: %s", error);
		return;
	}
	if (server != NULL && server[0] != '\0' &&
	    (o->host == NULL || o->port == NULL) &&
	    !target_parse(t, server, error))
		errx(KV_USAGE, "KV_SERVER: %s", error);
	if (o->host != NULL && !target_set_host(t, o->host, error))
		errx(KV_USAGE, "-h: %s", error);
	if (o->port != NULL && !target_set_port(t, o->port, error))
		errx(KV_USAGE, "-p: %s", error);
}
