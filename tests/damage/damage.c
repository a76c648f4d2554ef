/*
 * damage: damages one page of a store after the other, and looks what kvd makes
 * of it (damage/damage.h).  Prints figures; exits with 1 if a kvd crashed again
 * and again, hung, gave a wrong value, or lost keys that kvd -c does not miss.
 */

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/number.h"
#include "damage/damage.h"
#include "guardian.h"

#define JOBS_MAX 16

static const char *const verdicts[VERDICTS] = {
	[SERVED_WHOLE] = "served whole",
	[SERVED_IN_PART] = "a part damaged, the rest served",
	[REFUSED] = "refused with a sentence",
	[MISSING_FOUND] = "keys missing, found by kvd -c",
	[MISSING_SILENTLY] = "FAILED: keys missing in silence",
	[WRONG_VALUE] = "FAILED: a wrong value or reply",
	[CRASH_LOOP] = "FAILED: crashes again and again",
	[HANGS] = "FAILED: hangs",
	[ENDED] = "FAILED: ended without a sentence",
};
static const char *const kinds[DAMAGE_KINDS] = {
	[ZEROED] = "zeroed",
	[MISPLACED] = "misplaced",
	[FLIPPED] = "bits flipped",
};

struct options {
	unsigned int first, images, jobs;
	unsigned int seconds; /* 0: no limit */
	uint64_t seed;
	bool keep, verbose;
};

/* What a job says of its image, through a pipe. */
struct result {
	unsigned int number;
	struct image image;
	char was[24];
	struct outcome outcome;
};

struct run {
	const struct options *options;
	char dir[64], store[96];
	struct try_options tries;
	struct model model;
	int pipe[2];
	unsigned int next, jobs, done;
	unsigned int figures[DAMAGE_KINDS][VERDICTS];
	unsigned int buckets[BUCKETS + 1]; /* images that cost so many */
	unsigned int crashed; /* images that made a process crash */
	int64_t longest_ms;
};

__attribute__((noreturn)) static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: damage [-kv] [-f first] [-j jobs] [-n images] [-s seed] "
	    "[-t seconds]\n");
	exit(EX_USAGE);
}

static unsigned int
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n > INT_MAX)
		usage();
	return (unsigned int)n;
}

static void
parse(struct options *o, int argc, char *argv[])
{
	int c;

	*o = (struct options){ .images = 200, .jobs = 2, .seed = 1 };
	while ((c = getopt(argc, argv, "f:j:kn:s:t:v")) != -1) {
		switch (c) {
		case 'f':
			o->first = number(optarg);
			break;
		case 'j':
			o->jobs = number(optarg);
			break;
		case 'k':
			o->keep = true;
			break;
		case 'n':
			o->images = number(optarg);
			break;
		case 's':
			o->seed = number(optarg);
			break;
		case 't':
			o->seconds = number(optarg);
			break;
		case 'v':
			o->verbose = true;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || o->jobs == 0 || o->jobs > JOBS_MAX)
		usage();
}

static bool
is_failure(enum verdict v)
{
	return v > MISSING_FOUND;
}

/* In a process of its own. */
static void
try_one(struct run *r, unsigned int n)
{
	struct result result = { .number = n };
	struct model model;

	(void)snprintf(r->tries.dir, sizeof(r->tries.dir), "%s/%u", r->dir, n);
	if (mkdir(r->tries.dir, 0700) == -1)
		err(EX_OSERR, "%s", r->tries.dir);
	image_make(r->store, r->tries.dir, r->options->seed, n, &result.image);
	(void)strlcpy(result.was, result.image.was, sizeof(result.was));
	model_copy(&model, &r->model);
	try_image(&r->tries, &model, &result.outcome);
	if (write(r->pipe[1], &result, sizeof(result)) != sizeof(result))
		err(EX_OSERR, "pipe");
	if (!r->options->keep || !is_failure(result.outcome.verdict))
		remove_tree(r->tries.dir);
}

static void
begin(struct run *r)
{
	pid_t pid;

	(void)fflush(NULL);
	if ((pid = fork()) == -1)
		err(EX_OSERR, "fork");
	if (pid == 0) {
		try_one(r, r->next);
		_exit(0);
	}
	r->next++;
	r->jobs++;
}

static void
note(struct run *r, const struct result *result)
{
	const struct outcome *o = &result->outcome;
	unsigned int damaged = 0;
	size_t i;

	r->done++;
	r->figures[result->image.kind][o->verdict]++;
	r->crashed += o->crashes > 0;
	for (i = 0; i < BUCKETS; i++)
		damaged += o->damaged[i];
	if (o->verdict == SERVED_IN_PART)
		r->buckets[damaged]++;
	if (o->took_ms > r->longest_ms)
		r->longest_ms = o->took_ms;
	if (!r->options->verbose && !is_failure(o->verdict))
		return;
	printf("image %u: page %zu (%s) %s", result->number, result->image.page,
	    result->was, kinds[result->image.kind]);
	if (result->image.kind == MISPLACED)
		printf(" by page %zu", result->image.from);
	printf(": %s; %u crashes, %u buckets, %u entries, %u missing, "
	       "%lld ms; %s\n",
	    verdicts[o->verdict], o->crashes, damaged, o->entries, o->missing,
	    (long long)o->took_ms, o->why);
	(void)fflush(stdout);
}

static void
finish(struct run *r)
{
	struct result result;
	int status;

	while (wait(&status) == -1)
		if (errno != EINTR)
			err(EX_OSERR, "wait");
	r->jobs--;
	if (status != 0)
		errx(EX_SOFTWARE, "an image could not be tried");
	if (read(r->pipe[0], &result, sizeof(result)) != sizeof(result))
		err(EX_OSERR, "pipe");
	note(r, &result);
}

static unsigned int
print_figures(const struct run *r)
{
	unsigned int failures = 0, sum;
	size_t v, k;

	printf("%-34s %8s %8s %8s %8s\n", "", "zeroed", "misplaced", "flipped",
	    "all");
	for (v = 0; v < VERDICTS; v++) {
		for (sum = 0, k = 0; k < DAMAGE_KINDS; k++)
			sum += r->figures[k][v];
		printf("%-34s %8u %8u %8u %8u\n", verdicts[v],
		    r->figures[ZEROED][v], r->figures[MISPLACED][v],
		    r->figures[FLIPPED][v], sum);
		if (is_failure((enum verdict)v))
			failures += sum;
	}
	printf("of those that were served in part, so many buckets were not:");
	for (v = 0; v <= BUCKETS; v++)
		printf(" %zu: %u", v, r->buckets[v]);
	printf("\n%u images, %u made a process crash; the longest took "
	       "%lld ms; %u failures\n",
	    r->done, r->crashed, (long long)r->longest_ms, failures);
	return failures;
}

static void
clean(const void *arg)
{
	const struct run *r = arg;

	remove_tree(r->dir);
}

static void
prepare(struct run *r, const char *build)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(r->dir, sizeof(r->dir), "%.30s/kvd-damage.XXXXXX",
	    tmp == NULL || tmp[0] != '/' || strlen(tmp) > 30 ? "/tmp" : tmp);
	if (mkdtemp(r->dir) == NULL || pipe(r->pipe) == -1)
		err(EX_OSERR, "%s", r->dir);
	(void)snprintf(r->store, sizeof(r->store), "%s/store", r->dir);
	if (realpath(build == NULL ? "." : build, NULL) == NULL)
		err(EX_USAGE, "KVD_BUILD");
	r->tries.build = realpath(build == NULL ? "." : build, NULL);
	model_make(&r->model, r->store);
}

int
main(int argc, char *argv[])
{
	struct guardian guardian;
	struct options o;
	struct run *r = calloc(1, sizeof(*r));
	int64_t end_ms;
	unsigned int failures;

	parse(&o, argc, argv);
	if (r == NULL)
		err(EX_OSERR, NULL);
	r->options = &o;
	(void)signal(SIGPIPE, SIG_IGN);
	prepare(r, getenv("KVD_BUILD"));
	if (!o.keep && !guardian_start(&guardian, clean, r))
		err(EX_OSERR, "guardian");
	end_ms = o.seconds == 0 ? INT64_MAX : clock_ms() + 1000 * o.seconds;
	printf("damage -s %llu -f %u -n %u\n", (unsigned long long)o.seed,
	    o.first, o.images);
	r->next = o.first;
	while (r->jobs > 0 ||
	    (r->next < o.first + o.images && clock_ms() < end_ms)) {
		if (r->jobs < o.jobs && r->next < o.first + o.images &&
		    clock_ms() < end_ms)
			begin(r);
		else
			finish(r);
	}
	failures = print_figures(r);
	if (!o.keep)
		(void)guardian_end(&guardian);
	if (!o.keep || failures == 0)
		remove_tree(r->dir);
	else
		printf("failed images are kept in %s\n", r->dir);
	model_free(&r->model);
	free(r);
	return failures > 0;
}
