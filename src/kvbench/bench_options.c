/*
 * bench_options: which requests to send, how many, and to which server.  Runs
 * in kvbench.
 */

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/number.h"
#include "kvbench/bench_load.h"
#include "kvbench/bench_options.h"

#define CLIENTS_MAX 100000
#define DEPTH_MAX 100000
#define THREADS_MAX 64
#define SECONDS_MAX 86400.0
#define TIMEOUT_MAX 3600.0
#define RATE_MAX 1e8
#define DECIMAL_MIN 0.001 /* of seconds and of the rate */
#define BUCKET_MAX 255

static const char flags[] = "CFP:S:T:VW:b:c:d:h:jk:m:n:p:qr:s:t:u:w:x:";

/* --help has no letter, because -h is the host. */
#define HELP 256

static const struct option long_flags[] = {
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void
print_usage(FILE *file)
{
	fprintf(file,
	    "usage: kvbench [-CFjqV] [-b bucket] [-c clients] "
	    "[-d distribution]\n"
	    "               [-h host] [-k keys] [-m mix] [-n requests] "
	    "[-P depth]\n"
	    "               [-p port] [-r rate] [-S seed] [-s size[-size]] "
	    "[-T threads]\n"
	    "               [-t seconds] [-u path] [-W seconds] [-w seconds]\n"
	    "               [-x protocol]\n");
}

__attribute__((noreturn)) static void
usage(void)
{
	print_usage(stderr);
	exit(EX_USAGE);
}

/* Exits after --help and -V. */
__attribute__((noreturn)) static void
leave(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		err(EX_IOERR, "standard output");
	exit(EX_OK);
}

static uint64_t
parse_number(int option, int64_t min, int64_t max)
{
	int64_t n;

	if (!number_in_range(optarg, min, max, &n))
		errx(EX_USAGE, "-%c: not a number from %lld to %lld: %s",
		    option, (long long)min, (long long)max, optarg);
	return (uint64_t)n;
}

static double
parse_decimal(int option, double max)
{
	double n;

	if (!number_decimal_in_range(optarg, DECIMAL_MIN, max, &n))
		errx(EX_USAGE, "-%c: not a number from %g to %.0f: %s", option,
		    DECIMAL_MIN, max, optarg);
	return n;
}

/* An option that has a syntax of its own. */
static void
take_word(struct bench_options *o, int option)
{
	switch (option) {
	case 'd':
		if (!keys_parse(optarg, &o->order, &o->exponent))
			errx(EX_USAGE,
			    "-d: not uniform, sequential, zipf or "
			    "zipf:exponent: %s",
			    optarg);
		break;
	case 'm':
		if (!mix_parse(&o->mix, optarg))
			errx(EX_USAGE,
			    "-m: not get, put, delete, ping or echo, nor "
			    "weights as in get=90,put=10: %s",
			    optarg);
		break;
	case 's':
		if (!values_parse(optarg, &o->size_min, &o->size_max))
			errx(EX_USAGE, "-s: not a size, or two as in 16-1k: %s",
			    optarg);
		break;
	case 'x':
		if ((o->protocol = protocol_find(optarg)) == NULL)
			errx(EX_USAGE,
			    "-x: not kvd, resp, memcached or echo: %s", optarg);
		break;
	case 'b':
		if (optarg[0] == '\0' || strlen(optarg) > BUCKET_MAX ||
		    strpbrk(optarg, "\" \t\r\n") != NULL)
			errx(EX_USAGE,
			    "-b: not a name that needs no quotes: %s", optarg);
		o->bucket = optarg;
		break;
	}
}

static void
take_number(struct bench_options *o, int option)
{
	switch (option) {
	case 'P':
		o->depth = parse_number(option, 1, DEPTH_MAX);
		break;
	case 'S':
		o->seed = parse_number(option, 0, INT64_MAX);
		break;
	case 'T':
		o->threads = parse_number(option, 1, THREADS_MAX);
		break;
	case 'c':
		o->clients = parse_number(option, 1, CLIENTS_MAX);
		break;
	case 'k':
		o->keys = parse_number(option, 1, KEYS_MAX);
		break;
	case 'n':
		o->requests = parse_number(option, 0, INT64_MAX);
		break;
	case 'W':
		o->timeout_ms =
		    (int)(parse_decimal(option, TIMEOUT_MAX) * 1000);
		break;
	case 'r':
		o->rate = parse_decimal(option, RATE_MAX);
		break;
	case 't':
		o->seconds = parse_decimal(option, SECONDS_MAX);
		break;
	case 'w':
		o->warm_up_s = parse_decimal(option, SECONDS_MAX);
		break;
	}
}

static void
take(struct bench_options *o, int option)
{
	switch (option) {
	case 'C':
		o->churn = true;
		break;
	case 'F':
		o->fill = true;
		break;
	case 'V':
		puts("kvbench " PACKAGE_VERSION);
		leave();
	case HELP:
		print_usage(stdout);
		leave();
	case 'h':
		o->host = optarg;
		break;
	case 'j':
		o->json = true;
		break;
	case 'p':
		o->port = optarg;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'u':
		o->path = optarg;
		break;
	default:
		usage();
	}
}

/* Exits if the options do not go together; sets what follows from them. */
static void
check(struct bench_options *o)
{
	char error[TARGET_ERROR_SIZE];
	size_t i;

	target_init(&o->target, o->protocol->port);
	if (!target_set(&o->target, o->host, o->port, o->path, error))
		errx(EX_USAGE, "%s", error);
	if (o->churn && o->depth > 1)
		errx(EX_USAGE,
		    "-C excludes -P: each connection is for one request");
	if (o->threads > o->clients)
		errx(EX_USAGE, "-T: more threads than clients");
	for (i = 0; i < OP_COUNT; i++)
		if (mix_has(&o->mix, (enum op)i) &&
		    (o->protocol->ops & 1u << i) == 0)
			errx(EX_USAGE, "-m: the protocol %s has no %s",
			    o->protocol->name, mix_name((enum op)i));
	if (o->requests == BENCH_LOAD_UNLIMITED && o->seconds == 0)
		o->seconds = 10;
}

void
bench_options_parse(struct bench_options *o, int argc, char *argv[])
{
	int c;

	memset(o, 0, sizeof(*o));
	o->protocol = &protocol_kvd;
	o->bucket = "kvbench";
	(void)mix_parse(&o->mix, "get");
	o->keys = 1000000;
	o->size_min = o->size_max = 16;
	o->clients = 50;
	o->depth = o->threads = 1;
	o->requests = BENCH_LOAD_UNLIMITED;
	o->seed = 1;
	o->timeout_ms = 10000;

	while ((c = getopt_long(argc, argv, flags, long_flags, NULL)) != -1) {
		if (c == HELP)
			take(o, c);
		else if (strchr("bdmsx", c) != NULL)
			take_word(o, c);
		else if (strchr("PSTWcknrtw", c) != NULL)
			take_number(o, c);
		else
			take(o, c);
	}
	if (optind != argc) {
		warnx("unexpected argument: %s", argv[optind]);
		usage();
	}
	check(o);
}
