/*
 * powercut: what a store has after a power cut, at any moment of its life.
 *
 * A life is a process that writes to a store, while what it does to the files
 * is recorded.  From the record images of the data directory are made, as cuts
 * at random moments may leave it.  Each has to open with the content of one
 * whole commit, and not of one before the last that was promised; and it has
 * to go on from there.  One of the images is where the next life begins, so
 * that there are also cuts after cuts, and cuts while a store recovers.
 *
 * Stops at the first failure, and keeps the image; exits with 0 if there was
 * none.
 */

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "powercut/disk.h"
#include "powercut/record.h"
#include "powercut/work.h"

#define IMAGES_PER_LIFE 50
/* The next life begins anew, and not at an image. */
#define ANEW 6
/* A life has so many processes, each of which finds what the one before it
 * has written, synced or not. */
#define PARTS_MAX 3
#define STEPS_MAX 300
#define STEPS_AFTER 20 /* a cut */
/* Of all cuts in a life one quarter is among the first events, and some are
 * when all is over. */
#define EARLY 100
#define OVER 12
#define LOG_SIZE ((size_t)1 << 20)

struct options {
	uint64_t seed;
	unsigned long images;
	int sync; /* enum work_sync; -1: any */
	const struct record_fault *fault;
	bool verbose;
};

/* What processes tell the one that began them. */
struct told {
	uint64_t revision; /* of the image that was opened */
	struct work_state state;
	unsigned long faults;
};

struct powercut {
	struct options options;
	struct trace *trace;
	struct told *told; /* shared */
	struct dice dice;
	char base[256], life[280], start[280], image[280], kept[280];
	/* This life. */
	unsigned long number;
	bool began; /* at an image, which had: */
	uint64_t revision;
	struct work_state state;
	struct work work; /* how it began */
	bool direct;
	unsigned long events;
	/* All. */
	unsigned long images, faults;
};

/* A moment at which the power is cut. */
struct cut {
	unsigned long event; /* which is under way */
	bool under_way; /* or has not begun */
	uint64_t seed;
};

__attribute__((noreturn)) static void
usage(void)
{
	fprintf(stderr,
	    "usage: powercut [-v] [-f fault] [-n images] [-s seed] [-y sync]\n"
	    "Sync is always, interval, never or mixed.  A fault is a sync "
	    "that is left out:\n");
	record_list_faults(stderr);
	exit(EX_USAGE);
}

static int
find_sync(const char *name)
{
	int i;

	for (i = 0; i < WORK_SYNCS; i++)
		if (strcmp(work_sync_names[i], name) == 0)
			return i;
	usage();
}

static uint64_t
get_number(const char *text)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		errx(EX_USAGE, "\"%s\" is not a number", text);
	return n;
}

static struct options
get_options(int argc, char **argv)
{
	struct options o = { .seed = (uint64_t)time(NULL),
		.images = 2000,
		.sync = -1 };
	int c;

	while ((c = getopt(argc, argv, "f:n:s:vy:")) != -1) {
		if (c == 'f' && (o.fault = record_find_fault(optarg)) != NULL)
			continue;
		if (c == 'n')
			o.images = get_number(optarg);
		else if (c == 's')
			o.seed = get_number(optarg);
		else if (c == 'v')
			o.verbose = true;
		else if (c == 'y')
			o.sync = find_sync(optarg);
		else
			usage();
	}
	if (optind != argc)
		usage();
	return o;
}

static int
remove_entry(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	if (nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == -1 &&
	    errno != ENOENT)
		err(EX_IOERR, "%s", path);
}

static void
init(struct powercut *p)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(p->base, sizeof(p->base), "%s/powercut.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(p->base) == NULL)
		err(EX_CANTCREAT, "%s", p->base);
	(void)snprintf(p->life, sizeof(p->life), "%s/life", p->base);
	(void)snprintf(p->start, sizeof(p->start), "%s/start", p->base);
	(void)snprintf(p->image, sizeof(p->image), "%s/image", p->base);
	(void)snprintf(p->kept, sizeof(p->kept), "%s/kept", p->base);
	p->trace = trace_new();
	p->told = mmap(NULL, sizeof(*p->told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->told == MAP_FAILED)
		err(EX_OSERR, "no memory");
	dice_init(&p->dice, p->options.seed, 0);
}

/* Waits for a child.  False: it has said what is wrong, or has crashed. */
static bool
has_succeeded(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == -1)
		err(EX_OSERR, "wait");
	if (WIFSIGNALED(status))
		warnx("killed by signal %d", WTERMSIG(status));
	return status == 0;
}

static pid_t
begin_child(void)
{
	pid_t pid;

	(void)fflush(NULL);
	if ((pid = fork()) == -1)
		err(EX_OSERR, "fork");
	return pid;
}

/* A process of a life, which is killed in the end, or closes the store. */
__attribute__((noreturn)) static void
live(struct powercut *p, uint32_t part)
{
	struct work *w = &p->work;
	uint64_t revision;
	uint32_t steps;

	w->committed = w->batch = p->state;
	record_begin(p->trace, w->dir, p->direct, p->options.fault,
	    p->options.seed + p->number * PARTS_MAX + part);
	dice_init(&w->dice, p->options.seed, p->number * PARTS_MAX + part);
	if (p->began && part == 0) {
		record_mark(TRACE_STATE, p->revision, &w->committed,
		    sizeof(w->committed));
		record_mark(TRACE_PROMISE, p->revision, NULL, 0);
	}
	revision = work_open(w);
	if (p->began && revision != p->revision)
		errx(EX_SOFTWARE, "opens with commit %llu and then with %llu",
		    (unsigned long long)p->revision,
		    (unsigned long long)revision);
	record_mark(TRACE_STATE, revision, &w->committed, sizeof(w->committed));
	record_mark(TRACE_PROMISE, revision, NULL, 0);
	work_check(w);
	steps = dice_below(&w->dice, STEPS_MAX);
	while (steps-- > 0)
		work_step(w);
	p->told->state = w->committed;
	p->told->revision = work_revision(w);
	if (dice_hit(&w->dice, 2))
		work_close(w);
	p->told->faults = record_faults();
	_exit(0);
}

static unsigned long
count_events(const struct trace *t)
{
	const struct trace_event *e;
	unsigned long n = 0;

	for (e = trace_next(t, NULL); e != NULL; e = trace_next(t, e))
		n++;
	return n;
}

/* What an image has to hold, from the record up to the cut. */
struct want {
	const struct trace *trace;
	unsigned long event; /* the cut */
	uint64_t least; /* promised */
	bool any; /* there is a commit */
};

static struct want
make_want(const struct trace *t, unsigned long event)
{
	struct want want = { .trace = t, .event = event };
	const struct trace_event *e = NULL;
	unsigned long i;

	for (i = 0; i < event && (e = trace_next(t, e)) != NULL; i++) {
		if (e->type == TRACE_PROMISE)
			want.least = e->at;
		want.any = want.any || e->type == TRACE_PROMISE;
	}
	return want;
}

/* The content that a commit was to have. */
static bool
find_state(const struct want *want, uint64_t revision, struct work_state *state)
{
	const struct trace_event *e = NULL;
	bool found = false;
	unsigned long i;

	for (i = 0; i < want->event; i++) {
		e = trace_next(want->trace, e);
		if (e->type != TRACE_STATE || e->at != revision)
			continue;
		memcpy(state, trace_data(e), sizeof(*state));
		found = true;
	}
	return found;
}

static void
open_image(struct work *w, const struct want *want, struct told *told)
{
	told->revision = work_open(w);
	memset(&told->state, 0, sizeof(told->state));
	if (want->any && told->revision < want->least)
		errx(EX_SOFTWARE,
		    "commits are lost: %llu were promised, and "
		    "it opens with %llu",
		    (unsigned long long)want->least,
		    (unsigned long long)told->revision);
	if (want->any && !find_state(want, told->revision, &told->state))
		errx(EX_SOFTWARE, "opens with commit %llu, which nobody made",
		    (unsigned long long)told->revision);
	w->committed = w->batch = told->state;
	work_check(w);
}

/* Goes on from an image. */
static void
use_image(struct work *w)
{
	uint32_t steps = dice_below(&w->dice, STEPS_AFTER);

	while (steps-- > 0)
		work_step(w);
	work_check(w);
	if (dice_hit(&w->dice, 2))
		work_checkpoint(w);
	if (dice_hit(&w->dice, 2))
		work_expire_all(w);
	work_check(w);
	work_close(w);
	(void)work_open(w);
	work_check(w);
	work_check_stats(w);
	work_check(w);
	work_close(w);
}

static bool
try_image(struct powercut *p, const struct cut *cut)
{
	struct want want = make_want(p->trace, cut->event);
	struct work w = p->work;
	pid_t pid;

	if ((pid = begin_child()) != 0)
		return has_succeeded(pid);
	dice_init(&w.dice, cut->seed, 3);
	w.dir = p->image;
	record_begin(NULL, p->image, p->direct, NULL, cut->seed);
	open_image(&w, &want, p->told);
	use_image(&w);
	_exit(0);
}

static void
make_image(const struct cut *cut, struct disk *d, const struct trace_event *e,
    const char *dir)
{
	remove_tree(dir);
	disk_cut(d, cut->under_way ? e : NULL, cut->seed, dir);
}

static void
report_failure(struct powercut *p, const struct cut *cut, struct disk *d,
    const struct trace_event *e)
{
	make_image(cut, d, e, p->kept);
	warnx("life %lu, sync %s%s, cut at event %lu of %lu%s: the image is %s",
	    p->number, work_sync_names[p->work.sync],
	    p->direct ? "" : " without O_DIRECT", cut->event, p->events,
	    cut->under_way ? " under way" : "", p->kept);
}

static int
compare_cuts(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	return (x->event > y->event) - (x->event < y->event);
}

static void
choose_cuts(struct powercut *p, struct cut *cuts, size_t n)
{
	/* Behind what the life began with. */
	unsigned long first = p->began ? 2 : 0, most;
	size_t i;

	for (i = 0; i < n; i++) {
		most = p->events + 1;
		if (dice_hit(&p->dice, 4) && most > EARLY)
			most = EARLY;
		cuts[i] = (struct cut){ .event = first +
			    dice_below(&p->dice, (uint32_t)(most - first)),
			.under_way = dice_hit(&p->dice, 2),
			.seed = p->options.seed * 1000003 + p->images + i };
		if (dice_hit(&p->dice, OVER))
			cuts[i].event = p->events;
	}
	qsort(cuts, n, sizeof(*cuts), compare_cuts);
}

/* Makes images of this life and tries them.  One of them is the start of the
 * next. */
static bool
try_life(struct powercut *p, size_t n)
{
	struct cut cuts[IMAGES_PER_LIFE];
	size_t next = dice_below(&p->dice, (uint32_t)n), i;
	const struct trace_event *e;
	unsigned long at = 0;
	struct disk disk;
	bool good = true;

	choose_cuts(p, cuts, n);
	disk_read(&disk, p->start);
	e = trace_next(p->trace, NULL);
	for (i = 0; i < n && good; i++, p->images++) {
		for (; at < cuts[i].event; at++, e = trace_next(p->trace, e))
			disk_apply(&disk, e);
		make_image(&cuts[i], &disk, e, p->image);
		good = try_image(p, &cuts[i]);
		if (!good)
			report_failure(p, &cuts[i], &disk, e);
		if (i != next)
			continue;
		make_image(&cuts[i], &disk, e, p->life);
		p->state = p->told->state;
		p->revision = p->told->revision;
		p->began = make_want(p->trace, cuts[i].event).any;
	}
	disk_free(&disk);
	return good;
}

/* How the next life is. */
static void
choose_life(struct powercut *p)
{
	static const size_t factors[] = { 1, 1, 2, 4 };

	p->number++;
	if (p->number == 1 || dice_hit(&p->dice, ANEW)) {
		remove_tree(p->life);
		memset(&p->state, 0, sizeof(p->state));
		p->began = false;
	}
	memset(&p->work, 0, sizeof(p->work));
	p->work.dir = p->life;
	p->work.now_ms = 1000;
	p->work.sync = p->options.sync == -1 ?
	    (enum work_sync)(p->number % WORK_SYNCS) :
	    (enum work_sync)p->options.sync;
	p->work.log_size = LOG_SIZE * factors[dice_below(&p->dice, 4)];
	p->direct = !dice_hit(&p->dice, 3);
}

static void
copy_life(struct powercut *p)
{
	struct disk disk;

	remove_tree(p->start);
	disk_read(&disk, p->life);
	disk_cut(&disk, NULL, 0, p->start);
	disk_free(&disk);
}

static bool
run_processes(struct powercut *p)
{
	const struct powercut begin = *p;
	uint32_t parts = 1 + dice_below(&p->dice, PARTS_MAX), part;
	pid_t pid;

	for (part = 0; part < parts; part++) {
		if ((pid = begin_child()) == 0)
			live(p, part);
		if (!has_succeeded(pid))
			return false;
		p->faults += p->told->faults;
		p->state = p->told->state;
		p->revision = p->told->revision;
		p->began = true;
	}
	p->began = begin.began;
	p->revision = begin.revision;
	return true;
}

static bool
run_life(struct powercut *p)
{
	unsigned long n = p->options.images - p->images;

	choose_life(p);
	copy_life(p);
	trace_clear(p->trace);
	if (!run_processes(p)) {
		warnx("life %lu, sync %s: it began with %s", p->number,
		    work_sync_names[p->work.sync], p->start);
		return false;
	}
	if (p->trace->lost > 0)
		errx(EX_SOFTWARE, "the record is too large");
	p->events = count_events(p->trace);
	if (p->options.verbose)
		printf("life %lu: sync %s, log of %zu KiB, %lu events, "
		       "began with %llu\n",
		    p->number, work_sync_names[p->work.sync],
		    p->work.log_size >> 10, p->events,
		    (unsigned long long)(p->began ? p->revision : 0));
	return try_life(p, n < IMAGES_PER_LIFE ? n : IMAGES_PER_LIFE);
}

int
main(int argc, char **argv)
{
	struct powercut p = { .options = get_options(argc, argv) };
	bool good = true;

	init(&p);
	while (good && p.images < p.options.images)
		good = run_life(&p);
	printf("seed %llu: %lu images of %lu lives",
	    (unsigned long long)p.options.seed, p.images, p.number);
	if (p.options.fault != NULL)
		printf(", %lu syncs left out", p.faults);
	printf(": %s\n", good ? "all are good" : "the last one is not");
	if (good)
		remove_tree(p.base);
	return good ? 0 : 1;
}
