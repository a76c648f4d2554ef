/*
 * record: the system calls by which the store and LMDB change files.
 */

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "powercut/record.h"
#include "torture/dice.h"

#define FDS 1024
/* The name of data.mdb while it is made. */
#define NEW_DATA "data.new"

/* What a sync, or a write that is one, is for: told by what was last written
 * to the file. */
enum sync_kind {
	KIND_APPEND = 1 << 0, /* behind what was there, of data.mdb: a page */
	KIND_HEADER = 1 << 1, /* the start of a segment */
	KIND_EXTEND = 1 << 2, /* what made the file longer */
	KIND_WRITE = 1 << 3, /* the write itself */
	KIND_NAMES = 1 << 4, /* the names in the directory */
	KIND_DIR = 1 << 5, /* the name of the directory */
};

#define LOGS (1 << TRACE_LOG_1 | 1 << TRACE_LOG_2)
#define DATA (1 << TRACE_DATA)
#define ANY_PHASE (-1)

struct record_fault {
	const char *name, *meaning;
	int kinds, files, phases;
};

static const struct record_fault faults[] = {
	{ "commit", "the log, when a commit is durable at once",
	    KIND_WRITE | KIND_APPEND, LOGS, PHASE_COMMIT },
	{ "interval", "the log, when the store is asked to sync", KIND_APPEND,
	    LOGS, PHASE_SYNC },
	{ "close", "the log, when the store is closed",
	    KIND_APPEND | KIND_WRITE, LOGS, PHASE_CLOSE },
	{ "before-fold", "the log, before it is folded", KIND_APPEND, LOGS,
	    PHASE_FOLD | PHASE_BEGIN },
	{ "header", "the header of a segment that is begun", KIND_HEADER, LOGS,
	    PHASE_FOLD | PHASE_BEGIN },
	{ "extend", "the zeros that make a segment longer", KIND_EXTEND, LOGS,
	    ANY_PHASE },
	{ "create-log", "the header of the first segment", KIND_HEADER, LOGS,
	    PHASE_OPEN },
	{ "recover", "what a start writes to the log again", KIND_APPEND, LOGS,
	    PHASE_OPEN },
	{ "pages", "the pages of data.mdb", KIND_APPEND | KIND_EXTEND, DATA,
	    ANY_PHASE },
	{ "meta", "the meta page of data.mdb", KIND_WRITE, DATA, ANY_PHASE },
	{ "names", "the names in the data directory", KIND_NAMES, ~0,
	    ANY_PHASE },
	{ "directory", "the name of the data directory", KIND_DIR, ~0,
	    ANY_PHASE },
};

/* Global, since system calls have no argument for it. */
static struct {
	struct trace *trace; /* NULL: not recording */
	const struct record_fault *fault;
	unsigned long faults;
	enum record_phase phase;
	bool direct;
	const char *dir, *base; /* its path, and the last part of that */
	struct dice dice;
	struct {
		bool tracked;
		enum trace_file file;
		bool durable;
	} fds[FDS];
	struct {
		uint64_t size;
		enum sync_kind last;
	} files[TRACE_FILES];
} rec;

#define REAL(name, type)                                \
	static __typeof__(type) *real;                  \
	void *symbol;                                   \
                                                        \
	if (real == NULL) {                             \
		symbol = dlsym(RTLD_NEXT, name);        \
		memcpy(&real, &symbol, sizeof(symbol)); \
	}

const struct record_fault *
record_find_fault(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	return NULL;
}

void
record_list_faults(FILE *f)
{
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		fprintf(f, "%-12s %s\n", faults[i].name, faults[i].meaning);
}

unsigned long
record_faults(void)
{
	return rec.faults;
}

void
record_phase(enum record_phase phase)
{
	rec.phase = phase;
}

void
record_mark(enum trace_type type, uint64_t at, const void *data, size_t size)
{
	struct trace_event e = { .type = type, .at = at, .size = size };

	if (rec.trace != NULL)
		trace_add(rec.trace, &e, data);
}

void
record_begin(struct trace *trace, const char *dir, bool direct,
    const struct record_fault *fault, uint64_t seed)
{
	const char *slash = strrchr(dir, '/');

	memset(&rec, 0, sizeof(rec));
	rec.trace = trace;
	rec.direct = direct;
	rec.fault = fault;
	rec.dir = dir;
	rec.base = slash == NULL ? dir : slash + 1;
	rec.phase = PHASE_OPEN;
	dice_init(&rec.dice, seed, 0);
}

/* Is it to be left out? */
static bool
is_fault(enum sync_kind kind, int file)
{
	const struct record_fault *f = rec.fault;

	if (f == NULL || (f->kinds & (int)kind) == 0 ||
	    (f->files & 1 << file) == 0 || (f->phases & (int)rec.phase) == 0)
		return false;
	rec.faults++;
	return true;
}

static bool
is_tracked(int fd)
{
	return rec.trace != NULL && fd >= 0 && fd < FDS && rec.fds[fd].tracked;
}

static void
note_write(int fd, const void *data, size_t size, uint64_t at)
{
	struct trace_event e = { .type = TRACE_WRITE, .at = at, .size = size };
	enum sync_kind kind = KIND_APPEND;
	enum trace_file file;

	if (!is_tracked(fd))
		return;
	e.file = file = rec.fds[fd].file;
	if (at + size > rec.files[file].size) {
		rec.files[file].size = at + size;
		kind = KIND_EXTEND;
	} else if (at == 0 && file != TRACE_DATA)
		kind = KIND_HEADER;
	rec.files[file].last = kind;
	e.durable = rec.fds[fd].durable && !is_fault(KIND_WRITE, (int)file);
	trace_add(rec.trace, &e, data);
}

static void
note_grow(int fd, uint64_t size)
{
	struct trace_event e = { .type = TRACE_GROW, .at = size };

	if (!is_tracked(fd))
		return;
	e.file = rec.fds[fd].file;
	if (size <= rec.files[e.file].size)
		return;
	rec.files[e.file].size = size;
	trace_add(rec.trace, &e, NULL);
}

static bool
is_directory(const struct stat *st, const char *dir, const char *below)
{
	char path[4096];
	struct stat want;

	(void)snprintf(path, sizeof(path), "%s%s", dir, below);
	return stat(path, &want) == 0 && st->st_dev == want.st_dev &&
	    st->st_ino == want.st_ino;
}

static void
note_sync_directory(int fd)
{
	struct stat st;

	if (rec.trace == NULL || fstat(fd, &st) == -1 || !S_ISDIR(st.st_mode))
		return;
	if (is_directory(&st, rec.dir, "")) {
		if (!is_fault(KIND_NAMES, 0))
			record_mark(TRACE_SYNC_NAMES, 0, NULL, 0);
	} else if (is_directory(&st, rec.dir, "/..") && !is_fault(KIND_DIR, 0))
		record_mark(TRACE_SYNC_DIR, 0, NULL, 0);
}

static int
note_sync(int fd)
{
	struct trace_event e = { .type = TRACE_SYNC };

	if (!is_tracked(fd)) {
		note_sync_directory(fd);
		return 0;
	}
	e.file = rec.fds[fd].file;
	if (!is_fault(rec.files[e.file].last, (int)e.file))
		trace_add(rec.trace, &e, NULL);
	return 0;
}

/* Which of the files is it?  TRACE_FILES: none. */
static enum trace_file
file_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	enum trace_file file;

	path = slash == NULL ? path : slash + 1;
	for (file = 0; file < TRACE_FILES; file++)
		if (strcmp(path, trace_names[file]) == 0)
			break;
	return strcmp(path, NEW_DATA) == 0 ? TRACE_DATA : file;
}

static int
open_file(int dirfd, const char *path, int flags, mode_t mode)
{
	REAL("openat", int(int, const char *, int, ...))
	enum trace_file file = file_of(path);
	struct trace_event e = { .type = TRACE_CREATE, .file = file };
	struct stat st;
	bool is_new;
	int fd;

	if (rec.trace == NULL || file == TRACE_FILES)
		return real(dirfd, path, flags, mode);
	if ((flags & O_DIRECT) != 0 && !rec.direct) {
		errno = EINVAL;
		return -1;
	}
	is_new = fstatat(dirfd, path, &st, 0) == -1;
	/* Whether the file system at hand has O_DIRECT does not matter. */
	fd = real(dirfd, path, flags & ~(O_DIRECT | O_DSYNC), mode);
	if (fd < 0 || fd >= FDS)
		return fd;
	if (is_new && strcmp(path, trace_names[file]) == 0)
		trace_add(rec.trace, &e, NULL);
	rec.files[file].size = is_new ? 0 : (uint64_t)st.st_size;
	rec.fds[fd].tracked = true;
	rec.fds[fd].file = file;
	rec.fds[fd].durable = (flags & O_DSYNC) != 0;
	return fd;
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return open_file(AT_FDCWD, path, flags, mode);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return open_file(dirfd, path, flags, mode);
}

int
close(int fd)
{
	REAL("close", int(int))

	if (fd >= 0 && fd < FDS)
		rec.fds[fd].tracked = false;
	return real(fd);
}

int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	REAL("mkdirat", int(int, const char *, mode_t))
	int rc = real(dirfd, path, mode);

	if (rec.trace != NULL && rc == 0 && strcmp(path, rec.base) == 0)
		record_mark(TRACE_MAKE_DIR, 0, NULL, 0);
	return rc;
}

/* The only file that gets its name when it is made: what it replaces, if
 * anything, is empty. */
int
renameat(int fd, const char *from, int to_fd, const char *to)
{
	REAL("renameat", int(int, const char *, int, const char *))
	struct trace_event e = { .type = TRACE_CREATE, .file = TRACE_DATA };
	int rc = real(fd, from, to_fd, to);

	if (rec.trace != NULL && rc == 0 && strcmp(from, NEW_DATA) == 0)
		trace_add(rec.trace, &e, NULL);
	return rc;
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
	REAL("pwrite", ssize_t(int, const void *, size_t, off_t))

	note_write(fd, data, size, (uint64_t)at);
	return real(fd, data, size, at);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	ssize_t done = 0;
	int i;

	for (i = 0; i < n; i++) {
		if (pwrite(fd, iov[i].iov_base, iov[i].iov_len, at + done) !=
		    (ssize_t)iov[i].iov_len)
			return -1;
		done += (ssize_t)iov[i].iov_len;
	}
	return done;
}

ssize_t
write(int fd, const void *data, size_t size)
{
	REAL("write", ssize_t(int, const void *, size_t))

	if (is_tracked(fd))
		note_write(fd, data, size, (uint64_t)lseek(fd, 0, SEEK_CUR));
	return real(fd, data, size);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	REAL("writev", ssize_t(int, const struct iovec *, int))
	uint64_t at;
	int i;

	if (is_tracked(fd)) {
		at = (uint64_t)lseek(fd, 0, SEEK_CUR);
		for (i = 0; i < n; i++) {
			note_write(fd, iov[i].iov_base, iov[i].iov_len, at);
			at += iov[i].iov_len;
		}
	}
	return real(fd, iov, n);
}

int
ftruncate(int fd, off_t size)
{
	REAL("ftruncate", int(int, off_t))

	note_grow(fd, (uint64_t)size);
	return real(fd, size);
}

int
fallocate(int fd, int mode, off_t at, off_t size)
{
	REAL("fallocate", int(int, int, off_t, off_t))

	note_grow(fd, (uint64_t)(at + size));
	return real(fd, mode, at, size);
}

int
fsync(int fd)
{
	return note_sync(fd);
}

int
fdatasync(int fd)
{
	return note_sync(fd);
}

/* As if it did nothing: it is for file systems without fsync(2) of a
 * directory, and this is none of them. */
int
syncfs(int fd)
{
	(void)fd;
	return 0;
}

int
msync(void *at, size_t size, int flags)
{
	(void)at;
	(void)size;
	(void)flags;
	return 0;
}

ssize_t
getrandom(void *data, size_t size, unsigned int flags)
{
	uint8_t *p = data;
	size_t i;

	(void)flags;
	for (i = 0; i < size; i++)
		p[i] = (uint8_t)dice_below(&rec.dice, 256);
	return (ssize_t)size;
}
