/*
 * check_checkpoint: the checkpointer dies, is stopped or falls behind, and
 * nobody notices more than that writes wait.
 */

#include "fixture.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"

#include "common/buf.h"

/* The least that max-value allows, so that the log is soon used up. */
#define SMALL_LOG "max-value 4K", "log-size 9M"
/* A PUT of so many bytes; of these a segment holds some 1,600. */
#define VALUE_SIZE 4000
#define KEYS 500

struct writer {
	struct server *server;
	int fd;
	int sent, answered;
};

static char
letter_of(int n)
{
	return (char)('a' + n % 26);
}

static void
add_put(struct buf *out, int n)
{
	char value[VALUE_SIZE];

	memset(value, letter_of(n), sizeof(value));
	add(out, "PUT b k%d ", n % KEYS);
	buf_append(out, value, sizeof(value));
	add(out, "\n");
	ck_assert(!buf_failed(out));
}

/* Sends as many PUTs, all of them at once. */
static void
send_puts(struct writer *w, int count)
{
	struct buf out;

	buf_init(&out);
	for (; count > 0; count--)
		add_put(&out, w->sent++);
	client_send(w->fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
}

static void
await_answers(struct writer *w)
{
	for (; w->answered < w->sent; w->answered++)
		client_hear(w->fd, "OK\r\n");
}

static void
put_many(struct writer *w, int count)
{
	for (; count > 0; count -= 50) {
		send_puts(w, 50);
		await_answers(w);
	}
}

static void
expect_count(const struct writer *w, int fd)
{
	char want[32];

	snprintf(want, sizeof(want), "%d\r\nOK\r\n",
	    w->sent < KEYS ? w->sent : KEYS);
	client_ask(fd, "COUNT b\n", want);
}

/* Each key has the value that was put last. */
static void
expect_values(const struct writer *w, int fd)
{
	char want[VALUE_SIZE + 6], request[32];
	int key, last = w->sent - 1;

	memcpy(want + VALUE_SIZE, "\r\nOK\r\n", 6);
	for (key = 0; key < KEYS && key <= last; key++) {
		snprintf(request, sizeof(request), "GET b k%d\n", key);
		memset(want, letter_of(last - (last - key) % KEYS), VALUE_SIZE);
		client_exchange(fd, request, strlen(request), want,
		    sizeof(want));
	}
	expect_count(w, fd);
}

static void
begin(struct writer *w)
{
	static const char *const options[] = { SMALL_LOG,
		"restart-limit 1000 in 1s", "sync never", NULL };

	*w = (struct writer){ .server = server_start(options) };
	w->fd = client_connect(w->server);
	client_ask(w->fd, "CREATE b\n", "OK\r\n");
}

static void
restart_all(struct writer *w)
{
	(void)close(w->fd);
	server_kill_all(w->server);
	server_restart(w->server);
	w->fd = client_connect(w->server);
}

static void
end(struct writer *w)
{
	(void)close(w->fd);
	server_stop(w->server);
}

/* So many PUTs that the log is used up several times. */
#define ROUNDS 40
#define ROUND_PUTS 300

/* At the start of a fold, in its middle, at its end, and while nothing is to be
 * folded: whatever the checkpointer is doing when a round of PUTs ends. */
TEST(test_killed)
{
	struct writer w;
	int i;

	begin(&w);
	for (i = 0; i < ROUNDS; i++) {
		put_many(&w, ROUND_PUTS);
		process_kill(server_pid(w.server, "checkpointer"));
		if (i % 3 == 0)
			expect_count(&w, w.fd);
	}
	expect_values(&w, w.fd);
	restart_all(&w);
	expect_values(&w, w.fd);
	end(&w);
}

/* The same for the registry, and for both, one after the other. */
TEST(test_killed_with_registry)
{
	struct writer w;
	int i;

	begin(&w);
	for (i = 0; i < ROUNDS; i++) {
		put_many(&w, ROUND_PUTS);
		send_puts(&w, 20);
		if (i % 2 == 0)
			process_kill(server_pid(w.server, "checkpointer"));
		process_kill(server_pid(w.server, "registry"));
		await_answers(&w);
		if (i % 3 == 0)
			expect_count(&w, w.fd);
	}
	expect_values(&w, w.fd);
	restart_all(&w);
	expect_values(&w, w.fd);
	end(&w);
}

/* Returns how many PUTs are answered until one waits for so long. */
static void
put_until_held(struct writer *w)
{
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };

	do {
		ck_assert_int_lt(w->sent, 20000);
		send_puts(w, 1);
		if (poll(&pfd, 1, 1000) == 0)
			return;
		await_answers(w);
	} while (true);
}

/* Reads go on, and writes when it does, or when the next one has started. */
TEST(test_stopped)
{
	struct writer w;
	pid_t pid;
	int other;

	begin(&w);
	pid = server_pid(w.server, "checkpointer");
	signal_process(pid, SIGSTOP);
	put_until_held(&w);
	/* More than what was open when it stopped. */
	ck_assert_int_gt(w.answered, 2000);
	other = connect_and_ping(w.server);
	client_ask(other, "EXISTS b k0\nCOUNT b\n", "OK\r\n500\r\nOK\r\n");
	client_say(other, "PUT b other v\nGET b other\n");
	/* The registry has nothing to do meanwhile. */
	process_expect_idle(server_pid(w.server, "registry"));
	switch (_i) {
	case 0:
		signal_process(pid, SIGCONT);
		break;
	case 1:
		process_kill(pid);
		break;
	default:
		process_kill(server_pid(w.server, "registry"));
		signal_process(pid, SIGCONT);
	}
	await_answers(&w);
	client_hear(other, "OK\r\nv\r\nOK\r\n");
	client_ask(other, "DELETE b other\n", "OK\r\n");
	(void)close(other);
	expect_values(&w, w.fd);
	restart_all(&w);
	expect_values(&w, w.fd);
	end(&w);
}

/* A client that leaves while its write waits: its worker waits on, and then
 * ends. */
TEST(test_held_client_leaves)
{
	struct writer w;
	pid_t pid, worker;
	int fd;

	begin(&w);
	pid = server_pid(w.server, "checkpointer");
	signal_process(pid, SIGSTOP);
	put_until_held(&w);
	fd = connect_and_ping(w.server);
	worker = server_worker(w.server, fd);
	client_say(fd, "PUT b other v\n");
	(void)close(fd);
	signal_process(pid, SIGCONT);
	await_answers(&w);
	process_await_end(worker);
	client_ask(w.fd, "GET b other\nDELETE b other\n", "v\r\nOK\r\nOK\r\n");
	expect_values(&w, w.fd);
	end(&w);
}

/* A write that waits longer than registry-timeout is not done. */
TEST(test_held_too_long)
{
	static const char *const options[] = { SMALL_LOG, "sync never",
		"registry-timeout 1500ms", NULL };
	struct writer w = { .server = server_start(options) };
	pid_t pid = server_pid(w.server, "checkpointer");

	w.fd = client_connect(w.server);
	client_ask(w.fd, "CREATE b\n", "OK\r\n");
	signal_process(pid, SIGSTOP);
	put_until_held(&w);
	client_hear(w.fd, "ERROR registry unavailable\r\n");
	w.sent--;
	signal_process(pid, SIGCONT);
	expect_values(&w, w.fd);
	put_many(&w, 1000);
	expect_values(&w, w.fd);
	end(&w);
}

/*
 * A checkpointer that is stopped in the middle of a fold must not write to
 * data.mdb after another kvd has.
 */
TEST(test_orphan)
{
	struct writer w;
	pid_t pid;

	begin(&w);
	put_many(&w, 3000);
	pid = server_pid(w.server, "checkpointer");
	signal_process(pid, SIGSTOP);
	put_until_held(&w);
	(void)close(w.fd);
	ck_assert_int_eq(kill(w.server->pid, SIGKILL), 0);
	process_await_end(pid);
	(void)server_await_end(w.server, WAIT_MS);
	server_restart(w.server);
	w.fd = client_connect(w.server);
	/* The last PUT may have been executed or not. */
	w.sent--;
	put_many(&w, 6000);
	expect_values(&w, w.fd);
	end(&w);
}

/* The generation that a segment's header has. */
#define GENERATION_AT 16

static int
open_segment(const struct server *s, int which, uint64_t *generation)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/data/log.%d", s->dir, which);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(
	    pread(fd, generation, sizeof(*generation), GENERATION_AT),
	    sizeof(*generation));
	return fd;
}

/* Takes the end of the sealed segment away: from this value on. */
static void
cut_sealed(const struct server *s, const char *value)
{
	uint64_t generation[2];
	int fd[2] = { open_segment(s, 1, &generation[0]),
		open_segment(s, 2, &generation[1]) };
	int sealed = generation[0] < generation[1] ? 0 : 1;
	off_t size = lseek(fd[sealed], 0, SEEK_END);
	char *image = malloc((size_t)size), *at;

	ck_assert_ptr_nonnull(image);
	ck_assert_int_eq(pread(fd[sealed], image, (size_t)size, 0), size);
	at = memmem(image, (size_t)size, value, strlen(value));
	ck_assert_ptr_nonnull(at);
	memset(at, 0, (size_t)(image + size - at));
	ck_assert_int_eq(pwrite(fd[sealed], image, (size_t)size, 0), size);
	free(image);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/*
 * A power cut may leave the header of a segment, and not the end of the one
 * before it, of which the checkpointer was not told yet.  The registry takes
 * that for the end of the log, and the checkpointer waits for it.
 */
TEST(test_power_cut)
{
	struct writer w;

	begin(&w);
	put_many(&w, 500);
	signal_process(server_pid(w.server, "checkpointer"), SIGSTOP);
	client_ask(w.fd, "PUT b last before-the-cut\n", "OK\r\n");
	put_until_held(&w);
	(void)close(w.fd);
	server_kill_all(w.server);
	cut_sealed(w.server, "before-the-cut");
	server_restart(w.server);
	w.fd = client_connect(w.server);
	client_ask(w.fd, "GET b last\n", "\r\nOK\r\n");
	w.sent = w.answered = 500;
	expect_values(&w, w.fd);
	put_many(&w, 3000);
	expect_values(&w, w.fd);
	ck_assert_ptr_null(strstr(server_log(w.server), "damaged"));
	end(&w);
}

static void
await_stat(int fd, const char *name, long want)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (client_stat(fd, name) != want)
		pause_until(deadline_ms, name);
}

/* What was dropped is removed without another write, and without a wake-up when
 * that is done. */
TEST(test_drop)
{
	struct writer w;

	begin(&w);
	put_many(&w, 1000);
	client_ask(w.fd, "DROP b\n", "OK\r\n");
	await_stat(w.fd, "dropped", 0);
	process_expect_idle(server_pid(w.server, "checkpointer"));
	process_expect_idle(server_pid(w.server, "registry"));
	client_ask(w.fd, "CREATE b\nCOUNT b\n", "OK\r\n0\r\nOK\r\n");
	/* After a restart the rest of what was dropped is removed. */
	put_many(&w, 1000);
	client_ask(w.fd, "DROP b\n", "OK\r\n");
	restart_all(&w);
	await_stat(w.fd, "dropped", 0);
	end(&w);
}

/* The next line of the log about a checkpoint, from the `nth` on. */
static long
await_revision(const struct server *s, size_t nth)
{
	static const char text[] = "data.mdb has everything up to revision ";
	const char *log;

	server_await_log(s, text, nth);
	for (log = server_log(s); nth > 0; nth--)
		log = strstr(log, text) + strlen(text);
	return atol(log);
}

/* Whoever asks the master is told when all is in data.mdb. */
TEST(test_demand)
{
	struct writer w;
	pid_t pid;

	begin(&w);
	put_many(&w, 100);
	signal_process(w.server->pid, SIGUSR1);
	ck_assert_int_eq(await_revision(w.server, 1),
	    client_stat(w.fd, "revision"));
	/* There is nothing to do, and it is said again. */
	signal_process(w.server->pid, SIGUSR1);
	ck_assert_int_eq(await_revision(w.server, 2),
	    client_stat(w.fd, "revision"));
	/* The registry that was told to has died. */
	pid = server_pid(w.server, "checkpointer");
	put_many(&w, 100);
	signal_process(pid, SIGSTOP);
	signal_process(w.server->pid, SIGUSR1);
	client_ask(w.fd, "PING\n", "OK\r\n");
	process_kill(server_pid(w.server, "registry"));
	client_ask(w.fd, "PUT b more v\n", "OK\r\n");
	signal_process(pid, SIGCONT);
	ck_assert_int_ge(await_revision(w.server, 3),
	    client_stat(w.fd, "revision") - 1);
	client_ask(w.fd, "DELETE b more\n", "OK\r\n");
	expect_values(&w, w.fd);
	end(&w);
}

/* So many that the registry needs several turns to count them. */
#define SMALL_KEYS 14000
#define GROUP 500

static void
put_small(int fd, const char *bucket, int from, int count)
{
	struct buf out, want;
	int i;

	buf_init(&out);
	buf_init(&want);
	for (i = from; i < from + count; i++) {
		add(&out, "PUT %s k%d v\n", bucket, i);
		add(&want, "OK\r\n");
		if ((i + 1 - from) % GROUP == 0)
			exchange_bufs(fd, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
}

/*
 * PUT does not look whether a key is in data.mdb.  COUNT is exact, alone, behind
 * a PUT and in a transaction, while others write; and one that the registry dies
 * over is answered by the next.
 */
TEST(test_count)
{
	char want[64];
	struct writer w;
	int other;

	begin(&w);
	other = client_connect(w.server);
	client_ask(w.fd, "CREATE c\nCREATE d\n", "OK\r\nOK\r\n");
	put_small(w.fd, "b", 0, SMALL_KEYS);
	put_small(w.fd, "c", 0, SMALL_KEYS);
	signal_process(w.server->pid, SIGUSR1);
	(void)await_revision(w.server, 1);
	ck_assert_int_eq(client_stat(w.fd, "keys"), 2 * SMALL_KEYS);
	put_small(w.fd, "b", 0, SMALL_KEYS + GROUP);
	put_small(w.fd, "c", 0, SMALL_KEYS);
	/* STATS does not wait, and counts what is not folded twice. */
	ck_assert_int_ge(client_stat(w.fd, "keys"), 2 * SMALL_KEYS + GROUP);
	client_say(w.fd, "COUNT b\nPUT b more v\nCOUNT b\n");
	put_small(other, "d", 0, 10 * GROUP);
	snprintf(want, sizeof(want), "%d\r\nOK\r\nOK\r\n%d\r\nOK\r\n",
	    SMALL_KEYS + GROUP, SMALL_KEYS + GROUP + 1);
	client_hear(w.fd, want);
	client_say(w.fd, "COUNT c\n");
	process_kill(server_pid(w.server, "registry"));
	snprintf(want, sizeof(want), "%d\r\nOK\r\n", SMALL_KEYS);
	client_hear(w.fd, want);
	process_kill(server_pid(w.server, "registry"));
	snprintf(want, sizeof(want),
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n%d\r\nOK\r\nOK\r\n"
	    "%d\r\nOK\r\nOK\r\n",
	    SMALL_KEYS, SMALL_KEYS + GROUP + 1);
	client_ask(w.fd, "BEGIN\nCOUNT c\nPUT b k1 v\nCOUNT b\nCOMMIT\n", want);
	(void)close(other);
	end(&w);
}

/* LMDB writes it through a mapping: on a full disk that would be a SIGBUS. */
TEST(test_lock_is_allocated)
{
	struct server *s = server_start(NULL);
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data/lock.mdb", s->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_gt(st.st_size, 0);
	ck_assert_int_ge((int64_t)st.st_blocks * 512, st.st_size);
	server_stop(s);
}

/* One kvd has the data directory, and another one is told whose it is. */
TEST(test_second_kvd)
{
	struct server *first = server_start(NULL), *second = server_new();
	char pid[32];

	server_option(second, "data %s/data", first->dir);
	server_spawn(second);
	ck_assert_int_ne(server_await_end(second, WAIT_MS), 0);
	snprintf(pid, sizeof(pid), "(pid %ld)", (long)first->pid);
	expect_part(server_log(second), pid);
	expect_part(server_log(second), "in use by another kvd");
	expect_new_client(first);
	server_free(second);
	server_stop(first);
}

static const struct test tests[] = {
	CASE("deaths", NULL, NULL),
	ONCE(test_killed),
	ONCE(test_killed_with_registry),
	ONCE(test_orphan),
	ONCE(test_power_cut),
	CASE("waits", NULL, NULL),
	LOOP(test_stopped, 3),
	ONCE(test_held_client_leaves),
	ONCE(test_held_too_long),
	CASE("rest", NULL, NULL),
	ONCE(test_drop),
	ONCE(test_demand),
	ONCE(test_count),
	ONCE(test_lock_is_allocated),
	ONCE(test_second_kvd),
};

SUITE("checkpoint", tests)
