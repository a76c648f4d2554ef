/*
 * maintain: see maintain.h.
 */

#include <sys/prctl.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/directory.h"
#include "common/privileges.h"
#include "common/walk.h"
#include "maintain/backup_file.h"
#include "maintain/maintain.h"
#include "maintain/maintain_confine.h"
#include "maintain/pace.h"
#include "store/store_copy.h"
#include "store/store_verify.h"
#include "store/store_walk.h"

/* Of what was found, so many lines are printed. */
#define LINES_MAX 1000
#define LINE_SIZE 4096

/* A command under way. */
struct run {
	struct pace pace;
	struct backup_file file; /* of a backup */
	int in; /* of a restore */
	uint64_t lines;
};

/* Root has to act as the owner of the data, if that is somebody else. */
static bool
finds_owner(const char *data, struct stat *st)
{
	return geteuid() == 0 && stat(data, st) == 0 && st->st_uid != 0;
}

/*
 * Root reads and writes the data as the user that owns it, who could have put
 * a link to anything there; and what is made belongs to that user.
 */
void
maintain_become_owner(const char *data)
{
	struct privileges_user owner;
	pid_t parent = getppid();
	const char *what;
	struct stat st;
	int signo = 0;

	if (!finds_owner(data, &st))
		return;
	(void)prctl(PR_GET_PDEATHSIG, &signo);
	owner = (struct privileges_user){ st.st_uid, st.st_gid };
	if (privileges_become(&owner, &what) == -1)
		err(EX_OSERR, "%s: %s", data, what);
	/* Another user has no signal when its parent dies; or it is dead. */
	if (signo != 0 &&
	    (prctl(PR_SET_PDEATHSIG, signo) == -1 || getppid() != parent))
		errx(EX_OSERR, "the process that has started this is gone");
}

/* The same until become_starter(). */
static void
become_owner(const char *data)
{
	struct stat st;

	if (!finds_owner(data, &st))
		return;
	if (setgroups(0, NULL) == -1 || setegid(st.st_gid) == -1 ||
	    seteuid(st.st_uid) == -1)
		err(EX_OSERR, "cannot become the owner of %s", data);
}

/* Back to who was started: a file that root asked for is root's. */
static void
become_starter(void)
{
	if (geteuid() != getuid() && seteuid(getuid()) == -1)
		err(EX_OSERR, "cannot become root again");
}

static int
status_of(enum store_result result)
{
	switch (result) {
	case STORE_OK:
		return EX_OK;
	case STORE_REFUSED:
		return EX_CONFIG;
	case STORE_DAMAGED:
		return EX_DATAERR;
	case STORE_LOST:
	case STORE_BEHIND:
		return EX_TEMPFAIL;
	default:
		return EX_IOERR;
	}
}

static void
found(void *arg, const char *line)
{
	struct run *r = arg;

	progress_clear(&r->pace.progress);
	if (r->lines++ < LINES_MAX)
		(void)puts(line);
}

static bool
check_goes_on(void *arg, uint64_t entries, uint64_t bytes)
{
	struct run *r = arg;

	(void)bytes;
	return pace_go_on(&r->pace, entries, 0);
}

static int
report_check(const struct verify_result *v)
{
	if (v->found > LINES_MAX)
		(void)printf("and %" PRIu64 " more\n", v->found - LINES_MAX);
	(void)printf("%s: %" PRIu64 " buckets, %" PRIu64
		     " entries, revision %" PRIu64 "%s\n",
	    v->found == 0 ? "store OK" : "store damaged", v->buckets,
	    v->entries, v->revision,
	    v->in_use ? "; kvd uses it: the log was not checked" : "");
	if (fflush(stdout) == EOF) {
		warn("standard output");
		return EX_IOERR;
	}
	return v->found != 0;
}

int
maintain_check(const struct maintain_options *o)
{
	static char lines[LINES_MAX * LINE_SIZE];
	struct run r = { .lines = 0 };
	struct verify_options options = { .dir = o->data,
		.in_use = o->in_use,
		.found = found,
		.go_on = check_goes_on,
		.arg = &r };
	struct verify_result v;
	enum store_result result;

	/* Who reads the lines may be slow, which must not make the image keep
	 * more than it may. */
	(void)setvbuf(stdout, lines, _IOFBF, sizeof(lines));
	pace_init(&r.pace, "check", 0);
	maintain_become_owner(o->data);
	maintain_confine(!o->no_sandbox, o->data);
	result = store_verify(&options, &v);
	pace_end(&r.pace);
	if (result == STORE_OK)
		return report_check(&v);
	warnx("%s", v.error[0] == '\0' ? "interrupted" : v.error);
	return status_of(result);
}

/* For the master, which does not wait: if nobody reads, a line is lost. */
static void
say(const char *line)
{
	(void)puts(line);
	(void)fflush(stdout);
}

static void
walk_found(void *arg, const char *line)
{
	(void)arg;
	say(line);
}

static void
walk_alive(void *arg)
{
	int64_t *next_ms = arg, now_ms = clock_ms();

	if (now_ms < *next_ms)
		return;
	*next_ms = now_ms + WALK_ALIVE_MS;
	say("");
}

int
maintain_walk(const struct maintain_options *o)
{
	int64_t alive_ms = 0;
	struct walk_options options = { .dir = o->data,
		.wider = o->wider,
		.found = walk_found,
		.alive = walk_alive,
		.arg = &alive_ms };

	maintain_become_owner(o->data);
	maintain_confine(!o->no_sandbox, o->data);
	switch (store_walk(&options)) {
	case WALK_SOUND:
		return WALK_IS_SOUND;
	case WALK_DAMAGED:
		return WALK_IS_DAMAGED;
	case WALK_SAME:
		return WALK_IS_SAME;
	case WALK_NONE:
		return WALK_IS_NONE;
	case WALK_LOST:
		return WALK_IS_LOST;
	default:
		return EX_IOERR;
	}
}

static bool
copy_goes_on(void *arg, uint64_t done, uint64_t total)
{
	struct run *r = arg;

	return pace_go_on(&r->pace, done, total);
}

static ssize_t
write_backup(void *arg, const void *data, size_t size)
{
	struct run *r = arg;
	ssize_t n;

	pace_tick(&r->pace);
	n = backup_file_write(&r->file, data, size);
	if (n > 0)
		pace_wait(&r->pace, (uint64_t)n);
	return n;
}

static struct copy_options
copy_options(const struct maintain_options *o, struct run *r, const char *what)
{
	pace_init(&r->pace, what, o->rate);
	return (struct copy_options){ .dir = o->data,
		.in_use = o->in_use,
		.log_size = o->log_size,
		.owner_pid = (long)getpid(),
		.kept_max = o->kept_max,
		.go_on = copy_goes_on,
		.arg = r };
}

static int
fail_file(const struct maintain_options *o, const struct run *r)
{
	if (errno == 0)
		warnx("%s: %s", o->file, r->file.error);
	else
		warn("%s: %s", o->file, r->file.error);
	return EX_CANTCREAT;
}

static int
end_backup(const struct maintain_options *o, struct run *r,
    enum store_result result, const struct copy_result *copied)
{
	if (result != STORE_OK) {
		warnx("%s%s%s", o->file[0] == '-' ? "" : o->file,
		    o->file[0] == '-' ? "" : ": not made: ", copied->error);
		return status_of(result);
	}
	if (backup_file_finish(&r->file) == -1)
		return fail_file(o, r);
	(void)fprintf(stderr,
	    "backup of revision %" PRIu64 ": %" PRIu64 " entries, %" PRIu64
	    " bytes\n",
	    copied->revision, copied->entries, r->pace.bytes);
	return EX_OK;
}

int
maintain_backup(const struct maintain_options *o)
{
	struct run r = { .lines = 0 };
	struct copy_options options = copy_options(o, &r, "backup");
	struct copy_result copied;
	enum store_result result;
	int status;

	options.write = write_backup;
	if (backup_file_open(&r.file, o->file, o->data, o->replace) == -1)
		return fail_file(o, &r);
	maintain_confine_files(!o->no_sandbox, o->data,
	    r.file.path == NULL ? NULL : r.file.dir);
	become_owner(o->data);
	maintain_confine_calls(!o->no_sandbox);
	result = store_backup(&options, &copied);
	become_starter();
	pace_end(&r.pace);
	status = end_backup(o, &r, result, &copied);
	backup_file_close(&r.file);
	return status;
}

static int
read_backup(void *arg, void *data, size_t size)
{
	struct run *r = arg;
	char *to = data;
	ssize_t n;

	while (size > 0) {
		n = read(r->in, to, size);
		if (n == -1 && errno == EINTR && pace_go_on(&r->pace, 0, 0))
			continue;
		if (n <= 0) {
			errno = n == 0 ? 0 : errno;
			return -1;
		}
		to += n;
		size -= (size_t)n;
	}
	return 0;
}

static void
report_restore(const struct copy_result *copied)
{
	time_t at = (time_t)(copied->time_ms / 1000);
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	(void)fprintf(stderr,
	    "restored revision %" PRIu64 " of %s: %" PRIu64 " entries\n",
	    copied->revision, text, copied->entries);
}

/* The process may only reach a directory that is there when it confines itself.
 * If it cannot be made, store_restore() says why. */
static void
make_directory(const char *data)
{
	char error[PATH_MAX + 256];
	int fd = directory_open(data, 0700, error, sizeof(error));

	if (fd != -1)
		(void)close(fd);
}

int
maintain_restore(const struct maintain_options *o)
{
	struct run r = { .lines = 0 };
	struct copy_options options = copy_options(o, &r, "restore");
	struct copy_result copied;
	enum store_result result;

	options.read = read_backup;
	r.in = STDIN_FILENO;
	if (strcmp(o->file, "-") != 0 &&
	    (r.in = open(o->file, O_RDONLY | O_CLOEXEC)) == -1) {
		warn("%s", o->file);
		return EX_NOINPUT;
	}
	maintain_become_owner(o->data);
	make_directory(o->data);
	/* localtime_r(3) reads its file now, and not again. */
	tzset();
	maintain_confine(!o->no_sandbox, o->data);
	result = store_restore(&options, &copied);
	pace_end(&r.pace);
	if (r.in != STDIN_FILENO)
		(void)close(r.in);
	if (result == STORE_OK)
		report_restore(&copied);
	else
		warnx("%s: %s", o->file, copied.error);
	return status_of(result);
}

int
maintain_compact(const struct maintain_options *o)
{
	struct run r = { .lines = 0 };
	struct copy_options options = copy_options(o, &r, "compact");
	struct copy_result copied;
	enum store_result result;

	maintain_become_owner(o->data);
	maintain_confine(!o->no_sandbox, o->data);
	result = store_compact(&options, &copied);
	pace_end(&r.pace);
	if (result != STORE_OK) {
		warnx("%s", copied.error);
		return status_of(result);
	}
	(void)fprintf(stderr,
	    "data.mdb had %" PRIu64 " KiB and has %" PRIu64 " KiB: %" PRIu64
	    " KiB less\n",
	    copied.before >> 10, copied.after >> 10,
	    (copied.before - copied.after) >> 10);
	return EX_OK;
}
