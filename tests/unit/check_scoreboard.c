/*
 * check_scoreboard: these tests check the table of connected clients.  The
 * table is in memory that several processes share, and any of them may die
 * while it changes the table (common/scoreboard).
 */

#include "unit.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/activity.h"
#include "common/clock.h"
#include "common/scoreboard.h"
#include "common/scoreboard_file.h"

static struct scoreboard *scoreboard;
static int scoreboard_fd;

static void
setup(void)
{
	scoreboard_fd = scoreboard_create();
	ck_assert_int_ne(scoreboard_fd, -1);
	scoreboard = scoreboard_open(scoreboard_fd);
	ck_assert_ptr_nonnull(scoreboard);
}

static void
teardown(void)
{
	scoreboard_close(scoreboard);
	(void)close(scoreboard_fd);
}

/* These functions make addresses. */

static struct sockaddr_storage
inet_address(const char *text, int port)
{
	struct sockaddr_storage addr;
	struct sockaddr_in *sin = (void *)&addr;
	struct sockaddr_in6 *sin6 = (void *)&addr;

	memset(&addr, 0, sizeof(addr));
	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)port);
		return addr;
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &sin6->sin6_addr), 1);
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons((uint16_t)port);
	return addr;
}

static struct sockaddr_storage
unix_address(void)
{
	struct sockaddr_storage addr;

	/* This is what accept(2) leaves for some clients: only the family is
	 * set. */
	memset(&addr, 0x5a, sizeof(addr));
	addr.ss_family = AF_UNIX;
	return addr;
}

/* This returns source address n.  Half of the sources are IPv6, and all
 * differ. */
static struct sockaddr_storage
source(uint32_t n)
{
	char text[INET6_ADDRSTRLEN];

	if (n % 2 == 0)
		snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255,
		    n >> 8 & 255, n & 255);
	else
		snprintf(text, sizeof(text), "2001:db8:%x:%x::1", n >> 16,
		    n & 0xffff);
	return inet_address(text, (int)(n & 0xffff));
}

/* This takes a slot, which must be available. */
static uint32_t
take(const struct sockaddr_storage *addr)
{
	uint32_t slot = SCOREBOARD_NONE;

	ck_assert_int_eq(
	    scoreboard_take(scoreboard, addr, SCOREBOARD_MAX, 0, &slot),
	    SCOREBOARD_OK);
	ck_assert_uint_lt(slot, SCOREBOARD_MAX);
	return slot;
}

static void
refuse(const struct sockaddr_storage *addr, int64_t max, int64_t max_per_source,
    enum scoreboard_result want)
{
	uint32_t slot = 4711;

	ck_assert_int_eq(
	    scoreboard_take(scoreboard, addr, max, max_per_source, &slot),
	    want);
	ck_assert_uint_eq(slot, 4711);
}

/* This checks the number of clients by testing which limit refuses one more. */
static void
expect_live(int64_t live)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slot;

	if (live > 0)
		refuse(&addr, live, 0, SCOREBOARD_FULL);
	ck_assert_int_eq(scoreboard_take(scoreboard, &addr, live + 1, 0, &slot),
	    SCOREBOARD_OK);
	scoreboard_release(scoreboard, slot, 0);
}

static void
expect_live_from(const struct sockaddr_storage *addr, int64_t live)
{
	uint32_t slot;

	if (live > 0)
		refuse(addr, SCOREBOARD_MAX, live, SCOREBOARD_SOURCE_FULL);
	ck_assert_int_eq(
	    scoreboard_take(scoreboard, addr, SCOREBOARD_MAX, live + 1, &slot),
	    SCOREBOARD_OK);
	scoreboard_release(scoreboard, slot, 0);
}

/* This returns the slot of a worker, or SCOREBOARD_NONE. */
static uint32_t
find(struct scoreboard *r, pid_t pid)
{
	uint32_t slot = SCOREBOARD_NONE;
	pid_t other = -1;

	while ((slot = scoreboard_next(r, 0, slot, &other)) != SCOREBOARD_NONE)
		if (other == pid)
			break;
	return slot;
}

/* This releases a slot as the master does, if such a worker exists. */
static pid_t
release_soon(struct scoreboard *r, pid_t pid)
{
	uint32_t slot = find(r, pid);

	return slot == SCOREBOARD_NONE ? 0 :
					 scoreboard_release_soon(r, slot, 0);
}

/* This maps the text of a slot as the worker of the slot does. */
/* This does what a new worker does. */
static struct activity *
map_activity(uint32_t slot)
{
	struct activity *a = scoreboard_map_activity(scoreboard, slot);

	ck_assert_ptr_nonnull(a);
	activity_begin(a, scoreboard_id(scoreboard, slot), clock_ms());
	ck_assert_str_eq(a->command, "");
	return a;
}

/* These tests check counting. */

TEST(test_empty)
{
	pid_t pid;

	expect_live(0);
	ck_assert_uint_eq(find(scoreboard, getpid()), SCOREBOARD_NONE);
	ck_assert_uint_eq(find(scoreboard, 0), SCOREBOARD_NONE);
	ck_assert_uint_eq(
	    scoreboard_next(scoreboard, getpid(), SCOREBOARD_NONE, &pid),
	    SCOREBOARD_NONE);
	ck_assert(!scoreboard_lacks_pid(scoreboard, getpid()));
	ck_assert_int_eq(release_soon(scoreboard, 1), 0);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 0), 0);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 1), 0);
	expect_live(0);
}

static const int64_t max_table[] = { 1, 2, 1000, SCOREBOARD_MAX };

TEST(test_max)
{
	struct sockaddr_storage addr = inet_address("127.0.0.1", 1);
	int64_t max = max_table[_i], i;
	uint32_t slot, last = 0;

	for (i = 0; i < max; i++) {
		if (scoreboard_take(scoreboard, &addr, max, 0, &slot) !=
			SCOREBOARD_OK ||
		    slot >= SCOREBOARD_MAX)
			ck_abort_msg("slot %u", slot);
		last = slot;
	}
	refuse(&addr, max, 0, SCOREBOARD_FULL);
	refuse(&addr, SCOREBOARD_MAX > max ? 1 : max, 0, SCOREBOARD_FULL);
	/* No source can have more clients than there are slots. */
	if (max == SCOREBOARD_MAX)
		refuse(&addr, INT64_MAX, 0, SCOREBOARD_FULL);
	scoreboard_release(scoreboard, last, 0);
	ck_assert_int_eq(scoreboard_take(scoreboard, &addr, max, 0, &slot),
	    SCOREBOARD_OK);
	ck_assert_uint_eq(slot, last);
	refuse(&addr, max, 0, SCOREBOARD_FULL);
}

/* The limit is lower now than before. */
TEST(test_max_changes)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slots[10], slot;
	int i;

	for (i = 0; i < 10; i++)
		slots[i] = take(&addr);
	refuse(&addr, 5, 0, SCOREBOARD_FULL);
	for (i = 0; i < 5; i++)
		scoreboard_release(scoreboard, slots[i], 0);
	refuse(&addr, 5, 0, SCOREBOARD_FULL);
	scoreboard_release(scoreboard, slots[5], 0);
	ck_assert_int_eq(scoreboard_take(scoreboard, &addr, 5, 0, &slot),
	    SCOREBOARD_OK);
	refuse(&addr, 5, 0, SCOREBOARD_FULL);
	expect_live(5);
}

/* Slots are reused, so the memory in use does not grow. */
TEST(test_reuse)
{
	struct sockaddr_storage addr;
	uint32_t slots[8];
	int i, j;

	for (i = 0; i < 8; i++) {
		addr = source((uint32_t)i);
		slots[i] = take(&addr);
	}
	for (i = 0; i < 10000; i++) {
		j = i * 5 % 8;
		scoreboard_release(scoreboard, slots[j], 0);
		addr = source((uint32_t)i % 100);
		slots[j] = take(&addr);
		if (slots[j] >= 8)
			ck_abort_msg("slot %u", slots[j]);
	}
	expect_live(8);
}

/* These tests check the limits for each source. */

static const struct {
	const char *a, *b;
	bool same;
} source_table[] = {
	{ "127.0.0.1", "127.0.0.1", true },
	{ "127.0.0.1", "127.0.0.2", false },
	{ "127.0.0.1", "127.0.1.1", false },
	{ "127.0.0.1", "126.0.0.1", false },
	{ "0.0.0.0", "0.0.0.0", true },
	{ "0.0.0.0", "::", false },
	{ "::1", "::1", true },
	{ "::1", "::2", true },
	{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
	{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
	{ "2001:db8:0:1::1", "2001:db8:0:1:8000::", true },
	{ "2001:db8:1::1", "2001:db8:2::1", false },
	{ "2001::1", "2002::1", false },
	{ "fe80::1", "fe80::2", true },
};

TEST(test_source)
{
	struct sockaddr_storage a = inet_address(source_table[_i].a, 1);
	struct sockaddr_storage b = inet_address(source_table[_i].b, 2);
	int count = source_table[_i].same ? 3 : 0;
	uint32_t slots[3];
	int i;

	for (i = 0; i < 3; i++)
		slots[i] = take(&a);
	expect_live_from(&a, 3);
	expect_live_from(&b, count);
	for (i = 0; i < 3; i++) {
		scoreboard_release(scoreboard, slots[i], 0);
		expect_live_from(&a, 2 - i);
		expect_live_from(&b, count == 0 ? 0 : 2 - i);
	}
}

TEST(test_unix)
{
	struct sockaddr_storage addr = unix_address(), other;
	int i;

	memset(&other, 0, sizeof(other)); /* 0 is AF_UNSPEC. */
	for (i = 0; i < 100; i++)
		(void)take(&addr);
	for (i = 0; i < 100; i++)
		(void)take(&other);
	ck_assert_int_eq(
	    scoreboard_take(scoreboard, &addr, 201, 1, &(uint32_t){ 0 }),
	    SCOREBOARD_OK);
	/* Clients without a source still count as clients. */
	refuse(&addr, 201, 1, SCOREBOARD_FULL);
	expect_live_from(&(struct sockaddr_storage){ .ss_family = AF_INET }, 0);
}

/* If both limits are reached, the result is that there are too many clients. */
TEST(test_both_limits)
{
	struct sockaddr_storage addr = inet_address("::1", 1);

	(void)take(&addr);
	refuse(&addr, 1, 1, SCOREBOARD_FULL);
	refuse(&addr, 2, 1, SCOREBOARD_SOURCE_FULL);
	expect_live(1);
}

/* There are thousands of sources, so that many share a hash chain. */
TEST(test_many_sources)
{
	struct sockaddr_storage addr;
	static uint32_t slots[2][20000];
	uint32_t i;

	for (i = 0; i < 20000; i++) {
		addr = source(i);
		slots[0][i] = take(&addr);
		slots[1][i] = take(&addr);
	}
	for (i = 0; i < 20000; i += 7) {
		addr = source(i);
		expect_live_from(&addr, 2);
		scoreboard_release(scoreboard, slots[i & 1][i], 0);
		expect_live_from(&addr, 1);
	}
	expect_live(2 * 20000 - (20000 + 6) / 7);
}

/* These tests check the processes of clients. */

TEST(test_names)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slots[3], n;
	pid_t pid = 0;
	int i;

	for (i = 0; i < 3; i++) {
		slots[i] = take(&addr);
		ck_assert(scoreboard_lacks_pid(scoreboard, getpid()));
		ck_assert_uint_eq(find(scoreboard, 100 + i), SCOREBOARD_NONE);
		scoreboard_set_pid(scoreboard, slots[i], 100 + i);
		ck_assert(!scoreboard_lacks_pid(scoreboard, getpid()));
		ck_assert_uint_eq(find(scoreboard, 100 + i), slots[i]);
	}
	for (n = SCOREBOARD_NONE, i = 0; i < 3; i++) {
		n = scoreboard_next(scoreboard, getpid(), n, &pid);
		ck_assert_uint_eq(n, slots[i]);
		ck_assert_int_eq(pid, 100 + i);
	}
	ck_assert_uint_eq(scoreboard_next(scoreboard, getpid(), n, &pid),
	    SCOREBOARD_NONE);
	ck_assert_uint_eq(scoreboard_next(scoreboard, 0, slots[1], &pid),
	    slots[2]);
	ck_assert_int_eq(pid, 102);
	ck_assert_uint_eq(scoreboard_next(scoreboard, 0, slots[2], &pid),
	    SCOREBOARD_NONE);
	ck_assert_uint_eq(
	    scoreboard_next(scoreboard, getppid(), SCOREBOARD_NONE, &pid),
	    SCOREBOARD_NONE);

	/* A slot is released once, by its pid; a client that has left has no
	 * slot. */
	ck_assert_int_eq(release_soon(scoreboard, 101), 0);
	ck_assert_uint_eq(find(scoreboard, 101), SCOREBOARD_NONE);
	ck_assert_uint_eq(scoreboard_next(scoreboard, 0, slots[0], &pid),
	    slots[2]);
	expect_live(2);
	ck_assert_int_eq(release_soon(scoreboard, 101), 0);
	expect_live(2);
	ck_assert_uint_eq(scoreboard_next(scoreboard, getpid(), slots[0], &pid),
	    slots[2]);

	/* A slot that is reused has no pid yet. */
	ck_assert_uint_eq(take(&addr), slots[1]);
	ck_assert_uint_eq(find(scoreboard, 101), SCOREBOARD_NONE);
	ck_assert(scoreboard_lacks_pid(scoreboard, getpid()));
}

TEST(test_adopt)
{
	struct sockaddr_storage addr = inet_address("127.0.0.1", 1);
	uint32_t named = take(&addr), slot;

	scoreboard_set_pid(scoreboard, named, 100);
	/* There is nothing to adopt. */
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 0), 0);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 101), 0);
	expect_live(1);
	ck_assert_uint_eq(find(scoreboard, 101), SCOREBOARD_NONE);

	/* The dead acceptor had not forked yet. */
	(void)take(&addr);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getppid(), 0), 0);
	expect_live(2);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 0), 0);
	expect_live(1);
	expect_live_from(&addr, 1);
	ck_assert(!scoreboard_lacks_pid(scoreboard, getpid()));

	/* The dead acceptor had forked. */
	slot = take(&addr);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 101), 0);
	expect_live(2);
	ck_assert_uint_eq(find(scoreboard, 101), slot);
	ck_assert(!scoreboard_lacks_pid(scoreboard, getpid()));
	ck_assert_int_eq(release_soon(scoreboard, 101), 0);
	ck_assert_int_eq(release_soon(scoreboard, 100), 0);
	expect_live(0);
}

/* A new acceptor that has the pid of a dead one does not own its slot. */
TEST(test_adopt_owner)
{
	struct sockaddr_storage addr = inet_address("127.0.0.1", 1);
	uint32_t slots[2], slot;
	pid_t pid = test_fork();
	int status;

	if (pid == 0) {
		if ((scoreboard = scoreboard_open(scoreboard_fd)) == NULL ||
		    scoreboard_take(scoreboard, &addr, 2, 0, &slots[0]) !=
			SCOREBOARD_OK ||
		    scoreboard_take(scoreboard, &addr, 2, 0, &slots[1]) !=
			SCOREBOARD_OK)
			_exit(1);
		scoreboard_set_pid(scoreboard, slots[0], 100);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(scoreboard_lacks_pid(scoreboard, pid));
	ck_assert_int_eq(scoreboard_adopt(scoreboard, pid, 101), 0);
	ck_assert_uint_eq(
	    scoreboard_next(scoreboard, pid, SCOREBOARD_NONE, &pid),
	    SCOREBOARD_NONE);
	slot = scoreboard_next(scoreboard, getpid(), SCOREBOARD_NONE, &pid);
	ck_assert_uint_ne(slot, SCOREBOARD_NONE);
	slot = scoreboard_next(scoreboard, getpid(), slot, &pid);
	ck_assert_uint_ne(slot, SCOREBOARD_NONE);
	ck_assert_int_eq(release_soon(scoreboard, 100), 0);
	ck_assert_int_eq(release_soon(scoreboard, 101), 0);
	expect_live(0);
}

/* This tests all operations against a list. */

#define MODEL_SLOTS 64

struct model {
	struct {
		bool used;
		uint32_t slot;
		int source; /* The source is -1 if the slot is free. */
		pid_t pid; /* The pid is 0 if it is not set yet. */
	} clients[MODEL_SLOTS];
	int live;
};

static int
model_count(const struct model *m, int from)
{
	int i, n = 0;

	for (i = 0; i < MODEL_SLOTS; i++)
		n += m->clients[i].used && m->clients[i].source == from;
	return n;
}

static int
model_unused(const struct model *m)
{
	int i;

	for (i = 0; i < MODEL_SLOTS && m->clients[i].used; i++)
		;
	return i;
}

static void
model_take(struct model *m, uint64_t *random)
{
	int from = (int)(unit_random(random) % 6) - 1, i = model_unused(m);
	int max = (int)(unit_random(random) % (MODEL_SLOTS - 1)) + 1;
	int max_per_source = (int)(unit_random(random) % 20);
	enum scoreboard_result want = SCOREBOARD_OK, got;
	struct sockaddr_storage addr;
	uint32_t slot = SCOREBOARD_NONE;

	addr = from == -1 ? unix_address() : source((uint32_t)from);
	if (m->live >= max)
		want = SCOREBOARD_FULL;
	else if (from != -1 && max_per_source > 0 &&
	    model_count(m, from) >= max_per_source)
		want = SCOREBOARD_SOURCE_FULL;
	got = scoreboard_take(scoreboard, &addr, max, max_per_source, &slot);
	if (got != want)
		ck_abort_msg("%d, not %d", got, want);
	if (got != SCOREBOARD_OK)
		return;
	m->clients[i].used = true;
	m->clients[i].slot = slot;
	m->clients[i].source = from;
	m->clients[i].pid = 0;
	m->live++;
}

static void
model_release(struct model *m, int i, uint64_t *random)
{
	if (m->clients[i].pid != 0 && unit_random(random) % 2 == 0)
		(void)release_soon(scoreboard, m->clients[i].pid);
	else
		scoreboard_release(scoreboard, m->clients[i].slot, 0);
	m->clients[i].used = false;
	m->live--;
}

static void
model_check(const struct model *m)
{
	uint32_t slot = SCOREBOARD_NONE, last = SCOREBOARD_NONE;
	bool unnamed = false;
	int i, named = 0;
	pid_t pid;

	for (i = 0; i < MODEL_SLOTS; i++) {
		if (!m->clients[i].used)
			continue;
		if (m->clients[i].pid == 0)
			unnamed = true;
		else if (find(scoreboard, m->clients[i].pid) !=
		    m->clients[i].slot)
			ck_abort_msg("pid %d is lost", m->clients[i].pid);
		else
			named++;
	}
	if (scoreboard_lacks_pid(scoreboard, getpid()) != unnamed)
		ck_abort_msg("unnamed");
	while ((slot = scoreboard_next(scoreboard, getpid(), slot, &pid)) !=
	    SCOREBOARD_NONE) {
		if (last != SCOREBOARD_NONE && slot <= last)
			ck_abort_msg("order");
		last = slot;
		named--;
	}
	if (named != 0)
		ck_abort_msg("%d are missing", named);
}

TEST(test_model)
{
	uint64_t random = 88172645463325252ULL + (uint64_t)_i;
	struct model m = { .live = 0 };
	pid_t next_pid = 1000;
	int round, i;

	for (round = 0; round < 50000; round++) {
		i = (int)(unit_random(&random) % MODEL_SLOTS);
		if (unit_random(&random) % 3 != 0)
			model_take(&m, &random);
		else if (m.clients[i].used && m.clients[i].pid == 0) {
			m.clients[i].pid = next_pid++;
			scoreboard_set_pid(scoreboard, m.clients[i].slot,
			    m.clients[i].pid);
		} else if (m.clients[i].used)
			model_release(&m, i, &random);
		if (round % 10 == 0)
			model_check(&m);
	}
	for (i = 0; i < MODEL_SLOTS; i++)
		if (m.clients[i].used)
			model_release(&m, i, &random);
	expect_live(0);
}

/* These tests check the memory. */

TEST(test_sealed)
{
	struct stat st;

	ck_assert_int_eq(fstat(scoreboard_fd, &st), 0);
	ck_assert_int_eq(ftruncate(scoreboard_fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(scoreboard_fd, st.st_size * 2), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert(fcntl(scoreboard_fd, F_GETFD) & FD_CLOEXEC);
	/* Untouched slots use no memory, and each client uses about 1 KiB. */
	ck_assert_int_lt(st.st_blocks, 256);
}

TEST(test_open_bad)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_ptr_null(scoreboard_open(-1));
	ck_assert_int_eq(errno, EBADF);
	ck_assert_ptr_null(scoreboard_open(fd));
	(void)close(fd);
}

/* Master and acceptor each have a map of the same memory. */
TEST(test_shared)
{
	struct sockaddr_storage addr = unix_address();
	struct scoreboard *other = scoreboard_open(scoreboard_fd);
	uint32_t slot;

	ck_assert_ptr_nonnull(other);
	slot = take(&addr);
	scoreboard_set_pid(scoreboard, slot, 100);
	ck_assert_uint_eq(find(other, 100), slot);
	ck_assert_int_eq(release_soon(other, 100), 0);
	expect_live(0);
	ck_assert_uint_eq(take(&addr), slot);
	scoreboard_close(other);
}

/* Each slot has an activity of its own. */
TEST(test_activities)
{
	static const uint32_t slots[] = { 0, 1, 2, SCOREBOARD_MAX - 1 };
	uint8_t *memory[4];
	int i;

	for (i = 0; i < 4; i++) {
		memory[i] =
		    (void *)scoreboard_map_activity(scoreboard, slots[i]);
		ck_assert_ptr_nonnull(memory[i]);
		memset(memory[i], '0' + i, sizeof(struct activity));
	}
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(memory[i][0], '0' + i);
		ck_assert_int_eq(memory[i][sizeof(struct activity) - 1],
		    '0' + i);
	}
	/* The next worker of a slot begins with nothing under way. */
	ck_assert_str_eq(map_activity(1)->command, "");
	expect_live(0);
}

/* A worker has no access to the scoreboard, not even to read it. */
TEST(test_worker)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slot = take(&addr);
	int status;
	pid_t pid;

	if ((pid = test_fork()) == 0) {
		if (scoreboard_map_activity(scoreboard, slot) == NULL)
			_exit(0);
		/* This discards the long report of a sanitizer. */
		(void)close(STDERR_FILENO);
		scoreboard_set_pid(scoreboard, slot, 4711);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_ne(status, 0);
	ck_assert_uint_eq(find(scoreboard, 4711), SCOREBOARD_NONE);
	expect_live(1);
}

TEST(test_refused)
{
	struct scoreboard *board = scoreboard_open_to_read(scoreboard_fd);
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(board);
	ck_assert_uint_eq(scoreboard_refused(board), 0);
	scoreboard_count_refused(scoreboard, REFUSE_SHORTAGE);
	scoreboard_count_refused(scoreboard, REFUSE_SHORTAGE);
	ck_assert_uint_eq(scoreboard_refused(board), 2);
	if ((pid = test_fork()) == 0) {
		(void)close(STDERR_FILENO);
		scoreboard_count_refused(board, REFUSE_SHORTAGE);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_ne(status, 0);
	ck_assert_uint_eq(scoreboard_refused(board), 2);
	scoreboard_close(board);
}

/* The registry knows a worker by its session, and by its pid if that is
 * recorded. */
TEST(test_session)
{
	struct scoreboard *board = scoreboard_open_to_read(scoreboard_fd);
	const struct sockaddr_storage addr = { .ss_family = AF_UNIX };
	uint64_t session;
	uint32_t slot;

	ck_assert_ptr_nonnull(board);
	ck_assert_int_eq(
	    scoreboard_take(scoreboard, &addr, SCOREBOARD_MAX, 0, &slot),
	    SCOREBOARD_OK);
	ck_assert(!scoreboard_is_worker(board, 0, 1));
	ck_assert(!scoreboard_is_worker(board, slot, 1));
	session = scoreboard_set_session(scoreboard, slot, UINT64_MAX);
	ck_assert_uint_eq(scoreboard_session_slot(session), slot);
	ck_assert(scoreboard_is_worker(board, session, 1));
	ck_assert(scoreboard_has_session(board, session));
	scoreboard_set_pid(scoreboard, slot, 4711);
	ck_assert(scoreboard_is_worker(board, session, 4711));
	ck_assert(!scoreboard_is_worker(board, session, 1));
	ck_assert(!scoreboard_is_worker(board, session + 1, 4711));
	ck_assert(
	    !scoreboard_is_worker(board, session ^ (UINT64_C(1) << 63), 4711));
	ck_assert(!scoreboard_is_worker(board, UINT64_MAX, 4711));
	scoreboard_release(scoreboard, slot, 0);
	ck_assert(!scoreboard_has_session(board, session));
	ck_assert(!scoreboard_is_worker(board, session, 4711));
	scoreboard_close(board);
}

/* These tests check what is counted. */

static uint64_t
sum(size_t counter)
{
	uint64_t values[COUNTERS];

	scoreboard_sum(scoreboard, values);
	return values[counter];
}

static uint64_t
closed(enum close_reason reason)
{
	return sum(COUNTER_CLOSED + reason);
}

/* This takes a slot for a worker that has a pid. */
static uint32_t
take_worker(pid_t pid)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slot = take(&addr);

	scoreboard_set_pid(scoreboard, slot, pid);
	return slot;
}

TEST(test_sum)
{
	uint32_t slot = take_worker(100), other = take_worker(101);
	struct activity *a = map_activity(slot);
	uint64_t *times = activity_command(a, 3)->times;

	ck_assert_uint_eq(sum(COUNTER_CURRENT), 2);
	ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 2);
	a->received = 10;
	a->sent = 20;
	counters_time(times, 100, 5);
	activity_command(a, 3)->errors = 2;
	a->reason = CLOSE_QUIT;
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(sum(COUNTER_RECEIVED), 10);
		ck_assert_uint_eq(sum(COUNTER_SENT), 20);
		ck_assert_uint_eq(sum(COUNTER_ERRORS + 3), 2);
		ck_assert_uint_eq(sum(COUNTER_COMMAND_TIME +
				      3 * COUNTERS_HISTOGRAM +
				      counters_bucket(100)),
		    5);
		ck_assert_uint_eq(sum(COUNTER_COMMAND_TIME +
				      3 * COUNTERS_HISTOGRAM +
				      COUNTERS_BUCKETS),
		    500);
		ck_assert_uint_eq(closed(CLOSE_QUIT), (uint64_t)i);
		ck_assert_uint_eq(sum(COUNTER_CURRENT), (uint64_t)(2 - i));
		ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 2);
		/* A number is the same before and after the slot is folded. */
		if (i == 0)
			scoreboard_release(scoreboard, slot, 0);
	}
	/* A second release does nothing. */
	ck_assert_int_eq(scoreboard_release_soon(scoreboard, slot, 0), 0);
	ck_assert_uint_eq(closed(CLOSE_QUIT), 1);
	scoreboard_release(scoreboard, other, SIGKILL);
	ck_assert_uint_eq(closed(CLOSE_DIED), 1);
	ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 2);
}

/* What the client before had counted in the same slot is not counted again. */
TEST(test_stale)
{
	uint32_t slot = take_worker(100);
	struct activity *a = map_activity(slot);

	a->received = 10;
	a->reason = CLOSE_QUIT;
	activity_command(a, COUNTERS_COMMANDS - 1)->errors = 7;
	scoreboard_release(scoreboard, slot, 0);
	ck_assert_uint_eq(take_worker(101), slot);
	ck_assert_uint_eq(sum(COUNTER_RECEIVED), 10);
	scoreboard_release(scoreboard, slot, -1);
	ck_assert_uint_eq(sum(COUNTER_RECEIVED), 10);
	ck_assert_uint_eq(closed(CLOSE_FAILED), 1);
	ck_assert_uint_eq(take_worker(102), slot);
	a = map_activity(slot);
	ck_assert_uint_eq(a->received, 0);
	ck_assert_uint_eq(activity_command(a, COUNTERS_COMMANDS - 1)->errors,
	    0);
	ck_assert_uint_eq(sum(COUNTER_ERRORS + COUNTERS_COMMANDS - 1), 7);
}

/* A worker that could not be started was refused, and not accepted. */
TEST(test_cancel)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slot = take(&addr);

	ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 0);
	scoreboard_cancel(scoreboard, slot);
	ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 0);
	/* The acceptor has died instead. */
	(void)take(&addr);
	ck_assert_int_eq(scoreboard_adopt(scoreboard, getpid(), 0), 0);
	ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 1);
	ck_assert_uint_eq(closed(CLOSE_DIED), 1);
}

/* A worker may write anything. */
TEST(test_junk_activity)
{
	struct scoreboard_client c;
	uint32_t slot = take_worker(100);
	struct activity *a = map_activity(slot);
	uint64_t id = a->id;
	char line[SCOREBOARD_REPORT_SIZE];
	size_t i;

	memset(a, 0xff, sizeof(*a));
	a->id = id;
	(void)sum(COUNTER_ACCEPTED);
	ck_assert_uint_eq(
	    scoreboard_next_client(scoreboard, SCOREBOARD_NONE, &c), slot);
	ck_assert_str_eq(c.command, "");
	scoreboard_report_close(scoreboard, slot, 0, line);
	for (i = 0; line[i] != '\0'; i++)
		ck_assert(line[i] >= ' ' && line[i] <= '~');
	scoreboard_release(scoreboard, slot, 0);
	ck_assert_uint_eq(closed(CLOSE_FAILED), 1);
	ck_assert_uint_eq(sum(COUNTER_ACCEPTED), 1);
}

TEST(test_report_connection)
{
	struct sockaddr_storage addr = inet_address("192.0.2.7", 4711);
	uint32_t slot = take(&addr), other = take_worker(100);
	struct activity *a = map_activity(slot);
	char line[SCOREBOARD_REPORT_SIZE];

	scoreboard_report_open(scoreboard, slot, 123, line);
	ck_assert_str_eq(line,
	    "connection 1 (192.0.2.7:4711) opened; worker 123");
	a->commands = 2;
	a->received = 30;
	a->sent = 400;
	a->reason = CLOSE_IDLE;
	scoreboard_report_close(scoreboard, slot, 0, line);
	ck_assert_ptr_nonnull(strstr(line,
	    "connection 1 (192.0.2.7:4711) closed, idle-timeout; 0."));
	ck_assert_ptr_nonnull(
	    strstr(line, "s, 2 commands, 30 bytes received, 400 sent"));
	scoreboard_set_peer(scoreboard, other, 1000, 55);
	scoreboard_report_open(scoreboard, other, 100, line);
	ck_assert_str_eq(line,
	    "connection 2 (on a Unix socket, uid 1000, pid 55) opened; worker "
	    "100");
}

/* These tests check reports. */

#define STATUS_SEGV SIGSEGV
#define STATUS_EXIT (70 << 8)

static char report[SCOREBOARD_REPORT_SIZE];

static const char *
make_report(uint32_t slot, int status)
{
	struct rusage use = { .ru_maxrss = 1234, .ru_utime = { .tv_sec = 1 } };

	memset(report, 'x', sizeof(report));
	scoreboard_report(scoreboard, slot, 4711, status, &use, report);
	ck_assert_uint_lt(strnlen(report, sizeof(report)), sizeof(report));
	return report;
}

static void
expect_report(uint32_t slot, int status, const char *part)
{
	ck_assert_msg(strstr(make_report(slot, status), part) != NULL,
	    "\"%s\" is not in \"%s\"", part, report);
}

static const struct {
	const char *address;
	int port;
	const char *want;
} client_table[] = {
	{ "127.0.0.1", 1, "client 127.0.0.1:1)" },
	{ "255.255.255.255", 65535, "client 255.255.255.255:65535)" },
	{ "::1", 4040, "client [::1]:4040)" },
	{ "2001:db8:1111:2222:3333:4444:5555:6666", 65535,
	    "client [2001:db8:1111:2222:3333:4444:5555:6666]:65535)" },
};

TEST(test_report_client)
{
	struct sockaddr_storage addr =
	    inet_address(client_table[_i].address, client_table[_i].port);
	uint32_t slot = take(&addr);

	expect_report(slot, STATUS_SEGV, client_table[_i].want);
	expect_report(slot, STATUS_SEGV, "worker (pid 4711, ");
	expect_report(slot, STATUS_SEGV,
	    "used 1.00s of processor time and "
	    "1234 KiB of memory");
	expect_report(slot, STATUS_SEGV,
	    "; its client is disconnected, no "
	    "other is");
	expect_report(slot, STATUS_SEGV, "ran 0.");
}

TEST(test_report_end)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slot = take(&addr);

	expect_report(slot, STATUS_EXIT,
	    "client on a Unix socket) exited "
	    "with status 70 while idle; ran ");
	(void)strlcpy(map_activity(slot)->command, "PUT",
	    ACTIVITY_COMMAND_SIZE);
	expect_report(slot, STATUS_EXIT, " exited with status 70 during PUT; ");
#ifdef HAVE_SIGABBREV_NP
	expect_report(slot, STATUS_SEGV, " died of SIGSEGV during PUT; ");
#endif
}

static const struct {
	struct bytes slot_text;
	const char *want;
} slot_text_table[] = {
	{ UNIT_BYTES(""), "while idle;" },
	{ UNIT_BYTES("GET"), "during GET;" },
	{ UNIT_BYTES("get"), "while idle;" },
	{ UNIT_BYTES("GET secret"), "during GET;" },
	{ UNIT_BYTES("GET\nkvd: all is well"), "during GET;" },
	{ UNIT_BYTES("\nGET"), "while idle;" },
	{ UNIT_BYTES("%s%n%s"), "while idle;" },
	{ UNIT_BYTES("G%n"), "during G;" },
	{ UNIT_BYTES("\xff\xfe"), "while idle;" },
	{ UNIT_BYTES("\x1b[2J"), "while idle;" },
	{ UNIT_BYTES("G\xc3\x84"), "during G;" },
	/* This is longer than the name of any command. */
	{ UNIT_BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
	    "during AAAAAAAAAAAAAAA;" },
	{ UNIT_BYTES("SUBSCRIBE"), "during SUBSCRIBE;" },
	{ UNIT_BYTES("UNSUBSCRIBE"), "during UNSUBSCRIBE;" },
};

/* The worker has not terminated its text either. */
TEST(test_report_slot_text)
{
	struct sockaddr_storage addr = unix_address();
	uint32_t slot = take(&addr), next = take(&addr);
	char *slot_text = map_activity(slot)->command;
	size_t size = slot_text_table[_i].slot_text.size;

	memset(slot_text, '#', ACTIVITY_COMMAND_SIZE);
	memcpy(slot_text, slot_text_table[_i].slot_text.data, size);
	expect_report(slot, STATUS_EXIT, slot_text_table[_i].want);
	ck_assert_ptr_null(strchr(report, '\n'));
	slot_text[size] = '\0';
	expect_report(slot, STATUS_EXIT, slot_text_table[_i].want);
	memset(slot_text, 'A', ACTIVITY_COMMAND_SIZE);
	memset(map_activity(next)->command, 'B', ACTIVITY_COMMAND_SIZE);
	expect_report(slot, STATUS_EXIT, "during AAAAAAAAAAAAAAA;");
}

TEST(test_report_random)
{
	struct sockaddr_storage addr =
	    inet_address("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
	uint64_t random = 88172645463325252ULL;
	uint32_t slot = take(&addr);
	char *slot_text = map_activity(slot)->command;
	int i, j;

	for (i = 0; i < 20000; i++) {
		for (j = 0; j < ACTIVITY_COMMAND_SIZE; j++)
			slot_text[j] = (char)unit_random(&random);
		(void)make_report(slot, (int)(unit_random(&random) & 0xff7f));
		for (j = 0; report[j] != '\0'; j++)
			if (report[j] < ' ' || report[j] > '~')
				ck_abort_msg("byte %#x", report[j]);
	}
}

/* These tests kill processes. */

#define HOLD_MAX 16
#define SOURCES 4

static struct sockaddr_storage sources[SOURCES];

static void
setup_deaths(void)
{
	uint32_t i;

	setup();
	for (i = 0; i < SOURCES; i++)
		sources[i] = source(i);
}

/* This does what a worker does that receives one byte. */
static void
work(uint32_t slot)
{
	struct activity *a = scoreboard_map_activity(scoreboard, slot);

	if (a == NULL)
		_exit(3);
	activity_begin(a, scoreboard_id(scoreboard, slot), 0);
	a->received = 1;
	(void)munmap(a, sizeof(*a));
}

/* Each connection was folded once, and what its worker received as well, unless
 * it had no time to receive anything.  Nobody is connected. */
static void
expect_folded(uint64_t without_work)
{
	uint64_t values[COUNTERS], closed = 0;
	size_t i;

	scoreboard_sum(scoreboard, values);
	for (i = 0; i < CLOSE_REASONS; i++)
		closed += values[COUNTER_CLOSED + i];
	ck_assert_uint_eq(values[COUNTER_CURRENT], 0);
	ck_assert_uint_eq(values[COUNTER_ACCEPTED], closed);
	ck_assert_uint_eq(closed, scoreboard->slots->last_id);
	ck_assert_uint_le(values[COUNTER_RECEIVED], closed);
	ck_assert_uint_ge(values[COUNTER_RECEIVED] + without_work, closed);
}

/* This runs in a child that has its own map: it takes and releases slots for
 * ever. */
__attribute__((noreturn)) static void
churn(uint32_t seed)
{
	uint64_t random = ((uint64_t)seed << 32) + (uint64_t)getpid();
	uint32_t slots[HOLD_MAX] = { 0 }, n = 0;
	pid_t name = getpid() << 8;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The child may not write to Check's file of messages. */
	if (dup2(scoreboard_fd, 3) == -1)
		_exit(1);
	closefrom(4);
	if ((scoreboard = scoreboard_open(3)) == NULL)
		_exit(1);
	for (;;) {
		if (n > 0 && (n == HOLD_MAX || unit_random(&random) % 2 == 0)) {
			scoreboard_release(scoreboard, slots[--n], 0);
			continue;
		}
		if (scoreboard_take(scoreboard,
			&sources[unit_random(&random) % SOURCES],
			SCOREBOARD_MAX, 0, &slots[n]) != SCOREBOARD_OK)
			_exit(2);
		scoreboard_set_pid(scoreboard, slots[n], name + (pid_t)n);
		work(slots[n]);
		n++;
	}
}

static pid_t
start_churn(void)
{
	static uint32_t seed;
	pid_t pid;

	seed++;
	if ((pid = test_fork()) == 0)
		churn(seed);
	return pid;
}

static void
end_churn(pid_t pid)
{
	int status;

	if (kill(pid, SIGKILL) == -1 || waitpid(pid, &status, 0) != pid ||
	    !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		ck_abort_msg("a child did not do what it was to");
}

/* This does what the master does when workers or an acceptor have died. */
static void
clean_up(pid_t dead)
{
	uint32_t slot = SCOREBOARD_NONE;
	pid_t pid = 0;

	while ((slot = scoreboard_next(scoreboard, dead, slot, &pid)) !=
	    SCOREBOARD_NONE)
		if (find(scoreboard, pid) != slot ||
		    release_soon(scoreboard, pid) != 0)
			ck_abort_msg("slot %u cannot be released", slot);
	if (scoreboard_adopt(scoreboard, dead, 0) != 0)
		ck_abort_msg("somebody holds the lock");
}

static void
sleep_us(uint32_t us)
{
	struct timespec pause = { .tv_nsec = (long)us * 1000 };

	(void)nanosleep(&pause, NULL);
}

#define CHURNS 2
/* Sanitizers make processes large, and so fork(2) is slow. */
#ifdef KVD_INSTRUMENTED
#define KILLS 200
#else
#define KILLS 2000
#endif
#define LIFE_US 300

/* Child processes are killed one after another at random moments. */
TEST(test_kill)
{
	uint64_t random = 88172645463325252ULL + (uint64_t)time(NULL);
	pid_t pids[CHURNS];
	uint32_t from;
	int i, j;

	for (i = 0; i < CHURNS; i++)
		pids[i] = start_churn();
	for (i = 0; i < KILLS; i++) {
		sleep_us(unit_random(&random) % LIFE_US);
		j = (int)(unit_random(&random) % CHURNS);
		end_churn(pids[j]);
		clean_up(pids[j]);
		pids[j] = start_churn();
		if (i % 100 != 99)
			continue;
		/* All children are killed at once, some while they repair what
		 * another left. */
		for (j = 0; j < CHURNS; j++)
			(void)kill(pids[j], SIGKILL);
		for (j = 0; j < CHURNS; j++)
			end_churn(pids[j]);
		for (j = 0; j < CHURNS; j++)
			clean_up(pids[j]);
		expect_live(0);
		for (from = 0; from < SOURCES; from++)
			expect_live_from(&sources[from], 0);
		for (j = 0; j < CHURNS; j++)
			pids[j] = start_churn();
	}
	for (j = 0; j < CHURNS; j++) {
		end_churn(pids[j]);
		clean_up(pids[j]);
	}
	/* No slot was lost, and no slot is in use. */
	expect_live(0);
	/* The last slot that a killed child has taken may have no activity, and
	 * expect_live() takes slots without one. */
	expect_folded(KILLS + (KILLS / 100 + 1) * (CHURNS + 1 + 2 * SOURCES));
	for (i = 0; i < SCOREBOARD_MAX; i++)
		if (scoreboard_take(scoreboard, &sources[0], SCOREBOARD_MAX, 0,
			&from) != SCOREBOARD_OK)
			ck_abort_msg("slot %d is lost", i);
	refuse(&sources[0], SCOREBOARD_MAX, 0, SCOREBOARD_FULL);
}

/*
 * A child releases a slot and is killed after 1, then 2 steps of the processor
 * and so on, until it has released the slot.  Steps are skipped at random, for
 * the time that it takes.
 */
#define STEPS_SKIPPED 16
#ifndef KVD_INSTRUMENTED
static pid_t
start_stepped(void)
{
	pid_t pid = test_fork();
	uint32_t slot;

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(scoreboard_fd, 3) == -1)
		_exit(1);
	closefrom(4);
	if ((scoreboard = scoreboard_open(3)) == NULL ||
	    scoreboard_take(scoreboard, &sources[0], SCOREBOARD_MAX, 0,
		&slot) != SCOREBOARD_OK)
		_exit(1);
	scoreboard_set_pid(scoreboard, slot, getpid());
	work(slot);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(2);
	(void)raise(SIGSTOP);
	scoreboard_release(scoreboard, slot, 0);
	_exit(0);
}

/* False: the child had come to its end before. */
static bool
step(pid_t pid, long steps)
{
	int status;

	while (steps-- > 0)
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1 ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return false;
	end_churn(pid);
	return true;
}

TEST(test_steps)
{
	uint64_t random = 88172645463325252ULL + (uint64_t)time(NULL);
	long steps = 1, deaths = 0;
	int status;
	pid_t pid;

	for (;; steps += 1 + (long)(unit_random(&random) % STEPS_SKIPPED)) {
		pid = start_stepped();
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
			printf("no process can be traced here\n");
			break;
		}
		ck_assert(WIFSTOPPED(status));
		if (!step(pid, steps))
			break;
		deaths++;
		clean_up(pid);
		expect_folded(0);
	}
	clean_up(pid);
	/* The child of the last round has released its slot itself. */
	expect_folded(1);
	expect_live(0);
	printf("%ld deaths in %ld steps\n", deaths, steps);
}
#endif

/* A child is often stopped, and sometimes it holds the lock. */
#define STOPS 20000

/* This takes one more slot for this process, and perhaps sets its pid. */
static void
take_own(bool named)
{
	uint32_t slot = take(&sources[0]);

	if (named)
		scoreboard_set_pid(scoreboard, slot, getpid());
}

static bool
has_own(bool named)
{
	return named ? find(scoreboard, getpid()) != SCOREBOARD_NONE :
		       scoreboard_lacks_pid(scoreboard, getpid());
}

/* This does what the master does: it succeeds, or it returns the holder of the
 * lock. */
static pid_t
release_own(bool named)
{
	pid_t holder = named ? release_soon(scoreboard, getpid()) :
			       scoreboard_adopt(scoreboard, getpid(), 0);

	if (has_own(named) != (holder != 0))
		ck_abort_msg("holder %d, and it is %s", holder,
		    has_own(named) ? "not done" : "done");
	return holder;
}

static void
await_stop(pid_t pid)
{
	siginfo_t info;

	if (waitid(P_PID, (id_t)pid, &info, WSTOPPED) == -1)
		ck_abort_msg("waitid: %s", strerror(errno));
}

TEST(test_stopped_holder)
{
	uint64_t random = 88172645463325252ULL + (uint64_t)time(NULL);
	pid_t pid = start_churn(), holder = 0;
	int64_t before_ms;
	int i;

	for (i = 0; i < STOPS && holder == 0; i++) {
		take_own(_i % 2);
		(void)kill(pid, SIGCONT);
		sleep_us(unit_random(&random) % 50);
		(void)kill(pid, SIGSTOP);
		await_stop(pid);
		before_ms = clock_ms();
		holder = release_own(_i % 2);
	}
	if (holder == 0)
		printf("no process could be stopped in the lock\n");
	else {
		ck_assert_int_eq(holder, pid);
		ck_assert_int_lt(clock_ms() - before_ms, 20000);
	}
	end_churn(pid);
	if (holder != 0)
		ck_assert_int_eq(release_own(_i % 2), 0);
	clean_up(pid);
	expect_live(0);
}

static const struct test tests[] = {
	CASE("counts", setup, teardown),
	ONCE(test_empty),
	EACH(test_max, max_table),
	ONCE(test_max_changes),
	ONCE(test_reuse),
	EACH(test_source, source_table),
	ONCE(test_unix),
	ONCE(test_both_limits),
	ONCE(test_many_sources),
	ONCE(test_names),
	ONCE(test_adopt),
	ONCE(test_adopt_owner),
	LOOP(test_model, 4),
	CASE("memory", setup, teardown),
	ONCE(test_sealed),
	ONCE(test_open_bad),
	ONCE(test_shared),
	ONCE(test_activities),
	ONCE(test_sum),
	ONCE(test_stale),
	ONCE(test_cancel),
	ONCE(test_junk_activity),
	ONCE(test_report_connection),
	ONCE(test_worker),
	ONCE(test_refused),
	ONCE(test_session),
	EACH(test_report_client, client_table),
	ONCE(test_report_end),
	EACH(test_report_slot_text, slot_text_table),
	ONCE(test_report_random),
	CASE("deaths", setup_deaths, teardown),
	ONCE(test_kill),
#ifndef KVD_INSTRUMENTED
	ONCE(test_steps),
#endif
	LOOP(test_stopped_holder, 4),
};

SUITE("scoreboard", tests)
