/*
 * check_shortage: these tests let each system call fail once that opening,
 * using and closing a store makes, as if memory, descriptors, locks or disk
 * space were short.  The store must never report that a person must repair it,
 * and must never lose committed data.
 */

/* The checked variants of functions would conflict with those defined here. */
#undef _FORTIFY_SOURCE

#include "unit.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "store_fixture.h"

/* Opening a store makes fewer calls of each function. */
#define CALLS 20

/* This names the function that fails once. */
static const char *fault_name;
/* This many calls remain until it fails; 0 means that it has failed. */
static int fault_calls;
static int fault_errno;
/* Only calls inside the store count, not those of the test. */
static bool in_store;

static bool
fails(const char *name)
{
	if (!in_store || fault_calls == 0 || strcmp(name, fault_name) != 0 ||
	    --fault_calls > 0)
		return false;
	errno = fault_errno;
	return true;
}

/* This replaces the C library's function, also for LMDB and libbsd. */
#define FAULTY(type, name, params, args)                        \
	type name params                                        \
	{                                                       \
		static type(*real) params;                      \
		void *symbol;                                   \
                                                                \
		if (fails(#name))                               \
			return -1;                              \
		if (real == NULL) {                             \
			symbol = dlsym(RTLD_NEXT, #name);       \
			memcpy(&real, &symbol, sizeof(symbol)); \
		}                                               \
		return real args;                               \
	}

FAULTY(int, flock, (int fd, int how), (fd, how))
FAULTY(int, fsync, (int fd), (fd))
FAULTY(int, fdatasync, (int fd), (fd))
FAULTY(int, syncfs, (int fd), (fd))
FAULTY(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
FAULTY(int, ftruncate, (int fd, off_t size), (fd, size))
FAULTY(ssize_t, pread, (int fd, void *to, size_t size, off_t at),
    (fd, to, size, at))
FAULTY(off_t, lseek, (int fd, off_t at, int from), (fd, at, from))

/* If fault_errno is 0, the call writes half of its data. */
ssize_t
pwrite(int fd, const void *from, size_t size, off_t at)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	void *symbol;

	if (fails("pwrite")) {
		if (fault_errno != 0)
			return -1;
		size /= 2;
	}
	if (real == NULL) {
		symbol = dlsym(RTLD_NEXT, "pwrite");
		memcpy(&real, &symbol, sizeof(symbol));
	}
	return real(fd, from, size, at);
}

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails("open") ? -1 : openat(AT_FDCWD, path, flags, mode);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
	static int (*real)(int, const char *, int, ...);
	void *symbol;
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (fails("openat"))
		return -1;
	if (real == NULL) {
		symbol = dlsym(RTLD_NEXT, "openat");
		memcpy(&real, &symbol, sizeof(symbol));
	}
	return real(dirfd, path, flags, mode);
}

int
fcntl(int fd, int command, ...)
{
	static int (*real)(int, int, ...);
	void *symbol, *arg;
	va_list args;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (fails("fcntl"))
		return -1;
	if (real == NULL) {
		symbol = dlsym(RTLD_NEXT, "fcntl");
		memcpy(&real, &symbol, sizeof(symbol));
	}
	return real(fd, command, arg);
}

int
fallocate(int fd, int mode, off_t at, off_t size)
{
	static int (*real)(int, int, off_t, off_t);
	void *symbol;

	if (fails("fallocate"))
		return -1;
	if (real == NULL) {
		symbol = dlsym(RTLD_NEXT, "fallocate");
		memcpy(&real, &symbol, sizeof(symbol));
	}
	return real(fd, mode, at, size);
}

/* Sanitizers have their own allocator. */
#if defined(__GLIBC__) && !defined(KVD_INSTRUMENTED)
#define FAULTY_MEMORY

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *
malloc(size_t size)
{
	return fails("malloc") ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails("calloc") ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return fails("realloc") ? NULL : __libc_realloc(old, size);
}

void *
mmap(void *at, size_t size, int rights, int flags, int fd, off_t from)
{
	static void *(*real)(void *, size_t, int, int, int, off_t);
	void *symbol;

	if (fails("mmap"))
		return MAP_FAILED;
	if (real == NULL) {
		symbol = dlsym(RTLD_NEXT, "mmap");
		memcpy(&real, &symbol, sizeof(symbol));
	}
	return real(at, size, rights, flags, fd, from);
}
#endif

static const struct {
	const char *name;
	int error;
} fault_table[] = {
	{ "open", EMFILE },
	{ "open", ENFILE },
	{ "openat", EMFILE },
	{ "openat", ENOMEM },
	{ "flock", ENOLCK },
	{ "flock", EINTR },
	{ "fcntl", ENOLCK },
	{ "mkdirat", ENOSPC },
	{ "mkdirat", EDQUOT },
	{ "pread", EIO },
	{ "pwrite", ENOSPC },
	{ "pwrite", EDQUOT },
	{ "pwrite", 0 },
	{ "fsync", EIO },
	{ "fdatasync", EIO },
	{ "syncfs", EIO },
	{ "ftruncate", ENOSPC },
	{ "fallocate", ENOSPC },
	{ "fallocate", EINTR },
	{ "fallocate", EOPNOTSUPP },
	{ "lseek", EIO },
#ifdef FAULTY_MEMORY
	{ "malloc", ENOMEM },
	{ "calloc", ENOMEM },
	{ "realloc", ENOMEM },
	{ "mmap", ENOMEM },
#endif
};

static void
assert_kept(void)
{
	assert_ok(try_open(STORE_SYNC_ALWAYS));
	assert_value(snapshot(), text("b"), text("k"), text("v"));
	close_store();
}

static void
arm(int i, int calls)
{
	fault_name = fault_table[i].name;
	fault_errno = fault_table[i].error;
	fault_calls = calls;
}

/* This opens the store with one fault, and returns whether the fault
 * happened. */
static bool
open_with_fault(int i, int calls, bool create)
{
	struct store_options o = { .dir = fx.dir,
		.create = create,
		.sync_ms = STORE_SYNC_ALWAYS,
		.lock_wait_ms = 10000,
		.owner_pid = 4711 };
	enum store_result result;

	arm(i, calls);
	in_store = true;
	result = store_open(&fx.store, &o);
	in_store = false;
	if (result != STORE_OK && result != STORE_FAILED)
		ck_abort_msg("%s no. %d: result %d: %s", fault_table[i].name,
		    calls, (int)result, store_error(fx.store));
	if (result == STORE_FAILED)
		ck_assert_str_ne(store_error(fx.store), "");
	close_store();
	return fault_calls == 0;
}

TEST(test_open)
{
	bool failed = true;
	int calls;

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 0));
	commit();
	close_store();
	for (calls = 1; failed && calls <= CALLS; calls++) {
		failed = open_with_fault(_i, calls, false);
		assert_kept();
	}
}

TEST(test_create)
{
	char dir[sizeof(fx.dir)];
	bool failed = true;
	int calls;

	memcpy(dir, fx.dir, sizeof(dir));
	for (calls = 1; failed && calls <= CALLS; calls++) {
		snprintf(fx.dir, sizeof(fx.dir), "%.200s%d", dir, calls);
		failed = open_with_fault(_i, calls, true);
		open_with_bucket();
		close_store();
	}
}

/* This does what a turn of the registry does.  It returns true if the entry is
 * committed. */
static bool
write_with_fault(unsigned int n)
{
	enum store_result result;
	struct store_view *view;

	in_store = true;
	result = store_batch(fx.store, &view);
	if (result == STORE_OK)
		result = put_filler(view, n, FILL_MAX);
	if (result == STORE_OK)
		result = store_commit(fx.store);
	if (result == STORE_FULL && store_grow(fx.store) == STORE_FAILED)
		result = STORE_FAILED;
	in_store = false;
	/* Then there is nothing to be done with it but to close it. */
	fx.open = result != STORE_FAILED;
	ck_assert(result == STORE_OK || result == STORE_FULL ||
	    result == STORE_FAILED);
	return result == STORE_OK;
}

/* During service a failure ends the registry.  The next registry has the
 * committed data. */
TEST(test_commit)
{
	unsigned int n = 0, i, end;
	/* Without syncing the test is faster, unless the syncing is to fail. */
	int sync_ms =
	    fault_table[_i].error == EIO ? STORE_SYNC_ALWAYS : STORE_SYNC_NEVER;
	bool failed = true;
	int calls;

	open_with_bucket();
	close_store();
	for (calls = 1; failed && calls <= CALLS; calls++) {
		assert_ok(try_open(sync_ms));
		arm(_i, calls);
		/* This writes enough entries to make the file grow. */
		for (end = n + 600; n < end && fault_calls > 0;)
			n += write_with_fault(n);
		failed = fault_calls == 0;
		close_store();
		assert_ok(try_open(STORE_SYNC_NEVER));
		for (i = 0; i < n; i++)
			assert_filler(snapshot(), i, FILL_MAX);
		close_store();
	}
}

/*
 * A power cut while the store is created: what was not synced is lost.  The
 * first sync fails, so that it protects nothing; then the file, if there is
 * one, loses what LMDB wrote to it.  The next attempt must succeed.
 */
TEST(test_create_power_cut)
{
	off_t size;
	int fd;

	fault_name = "fdatasync";
	fault_errno = EIO;
	fault_calls = 1;
	in_store = true;
	ck_assert_int_eq(try_open(STORE_SYNC_ALWAYS), STORE_FAILED);
	in_store = false;
	ck_assert_int_eq(fault_calls, 0);
	close_store();
	if ((fd = open(fx.file, O_WRONLY | O_CLOEXEC)) != -1) {
		size = file_size();
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_eq(ftruncate(fd, size), 0);
		(void)close(fd);
	}
	open_with_bucket();
}

/* On a full disk that copies on write there is no space to seal a segment: what
 * is committed stays, and sealing succeeds later. */
TEST(test_seal)
{
	uint64_t generation;
	bool more = true;

	open_with_bucket();
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"), 0));
	commit();
	fault_name = "pwrite";
	fault_errno = ENOSPC;
	fault_calls = 1;
	in_store = true;
	ck_assert_int_eq(store_request_checkpoint(fx.store, &generation),
	    STORE_FULL);
	in_store = false;
	ck_assert_uint_eq(store_sealed(fx.store), 0);
	assert_value(snapshot(), text("b"), text("k"), text("v"));
	store_release(fx.store);
	assert_ok(store_request_checkpoint(fx.store, &generation));
	ck_assert_uint_eq(store_sealed(fx.store), generation);
	while (more)
		assert_ok(store_fold(fx.store, 10, &more));
	ck_assert_uint_eq(store_folded(fx.store), generation);
	assert_value(snapshot(), text("b"), text("k"), text("v"));
}

static const struct test tests[] = {
	STORE_CASE("shortage"),
	EACH(test_open, fault_table),
	EACH(test_create, fault_table),
	EACH(test_commit, fault_table),
	ONCE(test_seal),
	ONCE(test_create_power_cut),
};

SUITE("shortage", tests)
