/* check_kv_prompt: kv as a person uses it, on a pseudo-terminal. */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include "kv_run.h"

/* This directory has no kv-interactive. */
#define NOWHERE "/nonexistent"

static struct server *server;

static void
setup(void)
{
	server = kv_start_server("shopping");
}

static void
teardown(void)
{
	server_stop(server);
}

struct terminal {
	int fd;
	pid_t pid;
	char text[65536]; /* all that was displayed */
	size_t size, seen; /* seen: where the next search begins */
};

/*
 * Starts kv on a terminal.  `libexec` is a directory with or without
 * kv-interactive, or NULL for the directory that kv uses by default.  `args`
 * are without "kv".
 */
static void
terminal_open(struct terminal *t, const char *libexec, const char *const args[])
{
	const char *argv[16] = { "kv" };
	char path[4096];
	size_t n;

	memset(t, 0, sizeof(*t));
	for (n = 0; args[n] != NULL; n++)
		argv[n + 1] = args[n];
	snprintf(path, sizeof(path), "%s/kv", build_dir());
	fflush(NULL);
	t->pid = forkpty(&t->fd, NULL, NULL, NULL);
	ck_assert_int_ne(t->pid, -1);
	if (t->pid != 0)
		return;
	(void)setenv("TERM", "xterm", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	if (libexec == NULL)
		(void)unsetenv("KV_LIBEXEC");
	else
		(void)setenv("KV_LIBEXEC", libexec, 1);
	(void)setenv("HOME", server->dir, 1);
	(void)unsetenv("KV_HISTORY");
	/* libedit never frees what EL_ADDFN has copied. */
	if (libexec == NULL || strcmp(libexec, NOWHERE) != 0)
		(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	(void)execv(path, (char *const *)(void *)(uintptr_t)argv);
	_exit(127);
}

static bool
terminal_read(struct terminal *t)
{
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, WAIT_MS) != 1)
		ck_abort_msg("the terminal shows nothing new after: %s",
		    t->text);
	n = read(t->fd, t->text + t->size, sizeof(t->text) - 1 - t->size);
	if (n <= 0)
		return false;
	t->size += (size_t)n;
	t->text[t->size] = '\0';
	return true;
}

/* Waits until this text is displayed. */
static void
terminal_expect(struct terminal *t, const char *text)
{
	char *p;

	while ((p = strstr(t->text + t->seen, text)) == NULL)
		if (!terminal_read(t))
			ck_abort_msg("the end, where \"%s\" was to be: %s",
			    text, t->text + t->seen);
	t->seen = (size_t)(p - t->text) + strlen(text);
}

static void
terminal_type(struct terminal *t, const char *text)
{
	size_t size = strlen(text);

	ck_assert_int_eq(write(t->fd, text, size), (ssize_t)size);
}

/* Returns the exit status of kv. */
static int
terminal_close(struct terminal *t)
{
	int status;

	while (terminal_read(t))
		;
	ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
	(void)close(t->fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define NO_ARGS ((const char *const[]){ NULL })

/* A line is displayed where it is typed, and the reply below it. */
static void
converse(struct terminal *t)
{
	terminal_expect(t, "kv> ");
	terminal_type(t, "put shopping milk 1\r");
	terminal_expect(t, "milk 1");
	terminal_expect(t, "\nOK\r\n");
	terminal_expect(t, "kv> ");
	terminal_type(t, "get shopping milk\r");
	terminal_expect(t, "\n1\r\nOK\r\n");
	terminal_expect(t, "kv> ");
	terminal_type(t, "\r");
	terminal_expect(t, "kv> ");
	terminal_type(t, "get \"x\r");
	terminal_expect(t, "kv: unbalanced quotes\r\n");
	terminal_expect(t, "kv> ");
	terminal_type(t, "nonsense\r");
	terminal_expect(t, "UNKNOWN COMMAND\r\nHELP lists the commands.\r\n");
	terminal_expect(t, "kv> ");
	terminal_type(t, "get shopping\r");
	terminal_expect(t, "UNKNOWN COMMAND\r\nusage: GET bucket key ... - ");
	terminal_expect(t, "kv> ");
	terminal_type(t, "subscribe\r");
	terminal_expect(t, "UNKNOWN COMMAND\r\nusage: SUBSCRIBE bucket ");
	terminal_expect(t, "kv> ");
}

TEST(test_plain)
{
	struct terminal t;

	terminal_open(&t, NOWHERE, NO_ARGS);
	converse(&t);
	terminal_type(&t, "quit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
	terminal_open(&t, NOWHERE, NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "\x04");
	ck_assert_int_eq(terminal_close(&t), 0);
}

TEST(test_unreachable)
{
	struct terminal t;

	terminal_open(&t, NOWHERE, KV("-p", "1"));
	terminal_expect(&t, "kv: cannot reach 127.0.0.1:1: ");
	ck_assert_int_eq(terminal_close(&t), 3);
	terminal_open(&t, NOWHERE, KV("-p", "x"));
	terminal_expect(&t, "kv: -p: not a port number: x");
	ck_assert_int_eq(terminal_close(&t), 2);
}

/* The server is stopped and started again while kv shows its prompt. */
static void
survive(const char *libexec)
{
	struct terminal t;

	terminal_open(&t, libexec, NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "put shopping milk 2\r");
	terminal_expect(&t, "OK\r\n");
	server_keep_port(server);
	kv_stop_server(server);
	terminal_expect(&t, "ERROR shutting down\r\n");
	terminal_expect(&t, "kv: the server closed the connection\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "ping\r");
	terminal_expect(&t, "kv: cannot reach the server: ");
	terminal_expect(&t, "kv> ");
	server_restart(server);
	terminal_type(&t, "get shopping milk\r");
	terminal_expect(&t, "\n2\r\nOK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "exit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
}

TEST(test_plain_restart)
{
	survive(NOWHERE);
}

/* Events come while the user types nothing. */
static void
subscribe(const char *libexec)
{
	struct terminal t;

	terminal_open(&t, libexec, NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "subscribe absent\r");
	terminal_expect(&t, "NOT FOUND\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "subscribe shopping\r");
	terminal_expect(&t, "Watching: ");
	terminal_expect(&t, "UNSUBSCRIBE shopping\r\n");
	terminal_expect(&t, "kv> ");
	kv_expect(KV("put", "shopping", "eggs", "3"), NULL, 0, "", "");
	terminal_expect(&t, "eggs SET TO 3\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "put shopping eggs 4\r");
	terminal_expect(&t, "eggs SET TO 4\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "unsubscribe shopping\r");
	terminal_expect(&t, "OK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "subscribe shopping prefix e since 0\r");
	terminal_expect(&t, "AT ");
	terminal_expect(&t, "Watching: ");
	terminal_expect(&t, "kv> ");
	kv_expect(KV("put", "shopping", "bread", "1"), NULL, 0, "", "");
	kv_expect(KV("put", "shopping", "eggs", "5"), NULL, 0, "", "");
	terminal_expect(&t, "eggs SET TO 5\r\n");
	terminal_type(&t, "exit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
}

TEST(test_plain_subscribe)
{
	subscribe(NOWHERE);
}

/*
 * Sends a request that is not answered, and interrupts it.  Returns false if kv
 * had not even read the request, in which case the terminal has discarded it.
 */
static bool
give_up_ping(struct terminal *t)
{
	size_t start;

	terminal_type(t, "ping\r");
	terminal_expect(t, "ping\r\n");
	start = t->seen;
	terminal_type(t, "\x03");
	terminal_expect(t, "kv> ");
	return strstr(t->text + start, "kv: interrupted") != NULL;
}

/*
 * Ctrl-C discards the line that is being typed, or stops the wait for a reply.
 */
static void
interrupt(const char *libexec)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t registry = server_pid(server, "registry");
	struct terminal t;

	terminal_open(&t, libexec, NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "delete shopping caf\xc3\xa9");
	terminal_expect(&t, "caf");
	terminal_type(&t, "\x03");
	terminal_expect(&t, "^C\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "echo again\r");
	terminal_expect(&t, "\nagain\r\nOK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "\x03");
	terminal_expect(&t, "^C\r\n");
	terminal_expect(&t, "kv> ");
	signal_process(registry, SIGSTOP);
	while (!give_up_ping(&t))
		pause_until(deadline_ms, "no reply is awaited");
	signal_process(registry, SIGCONT);
	terminal_type(&t, "ping\r");
	terminal_expect(&t, "\nOK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "exit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
}

TEST(test_plain_interrupt)
{
	interrupt(NOWHERE);
}

/*
 * The reply of a transaction has several parts, and some of its commands are
 * refused.
 */
TEST(test_transaction)
{
	struct terminal t;

	terminal_open(&t, NOWHERE, NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "begin\r");
	terminal_expect(&t, "\nOK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "put shopping milk 9\r");
	terminal_expect(&t, "\nQUEUED\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "subscribe shopping\r");
	terminal_expect(&t, "\nERROR ");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "get shopping milk\r");
	terminal_expect(&t, "\nQUEUED\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "commit\r");
	terminal_expect(&t, "\nOK\r\n9\r\nOK\r\nOK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "exit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
}

/* The progress bar is shown on a terminal only, and removed at the end. */
TEST(test_progress)
{
	struct terminal t;
	char script[1024];

	memset(&t, 0, sizeof(t));
	snprintf(script, sizeof(script),
	    "f=$(mktemp); seq 200000 | sed 's/.*/PUT shopping & &/' >$f; "
	    "\"%s/kv\" import <$f; rm $f; \"%s/kv\" clear shopping",
	    build_dir(), build_dir());
	fflush(NULL);
	t.pid = forkpty(&t.fd, NULL, NULL, NULL);
	ck_assert_int_ne(t.pid, -1);
	if (t.pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	terminal_expect(&t, "kv: 200000 lines done, 0 failed\r\n");
	terminal_expect(&t, "200000\r\n");
	ck_assert_int_eq(terminal_close(&t), 0);
	/* The import may end before the bar is drawn. */
	if (strchr(t.text, '[') != NULL)
		ck_assert_ptr_nonnull(strstr(t.text, "% "));
}

/* On a terminal kv prints a newline after a value. */
TEST(test_newline)
{
	struct terminal t;

	kv_expect(KV("put", "shopping", "milk", "fresh"), NULL, 0, "", "");
	terminal_open(&t, NOWHERE, KV("get", "shopping", "milk"));
	terminal_expect(&t, "fresh\r\n");
	ck_assert_int_eq(terminal_close(&t), 0);
	ck_assert_str_eq(t.text, "fresh\r\n");
}

#ifdef HAVE_LIBEDIT

TEST(test_edit)
{
	struct terminal t;

	terminal_open(&t, NULL, NO_ARGS);
	converse(&t);
	/* a correction in the middle, with the cursor keys */
	terminal_type(&t,
	    "get shoppig milk\033[D\033[D\033[D\033[D\033[D\033[Dn");
	terminal_type(&t, "\r");
	terminal_expect(&t, "\n1\r\nOK\r\n");
	terminal_expect(&t, "kv> ");
	/* characters of several bytes */
	terminal_type(&t, "put shopping caf\xc3\xa9 2\x7f\xe2\x82\xac\r");
	terminal_expect(&t, "OK\r\n");
	terminal_expect(&t, "kv> ");
	kv_expect(KV("get", "shopping", "caf\xc3\xa9"), NULL, 0, "\xe2\x82\xac",
	    "");
	terminal_type(&t, "\x04");
	ck_assert_int_eq(terminal_close(&t), 0);
}

TEST(test_edit_history)
{
	struct terminal t;
	int i;

	for (i = 0; i < 2; i++) {
		terminal_open(&t, build_dir(), NO_ARGS);
		terminal_expect(&t, "kv> ");
		if (i == 0)
			terminal_type(&t, "put shopping history 7\r");
		else
			/* This line is from the previous session. */
			terminal_type(&t, "\033[A\033[A\r");
		terminal_expect(&t, "history 7");
		terminal_expect(&t, "\nOK\r\n");
		terminal_expect(&t, "kv> ");
		terminal_type(&t, "exit\r");
		ck_assert_int_eq(terminal_close(&t), 0);
		ck_assert_int_eq(
		    kv_run("", 0, KV("delete", "shopping", "history"))->status,
		    0);
	}
}

TEST(test_edit_complete)
{
	struct terminal t;

	terminal_open(&t, build_dir(), NO_ARGS);
	terminal_expect(&t, "kv> ");
	/* the rest of the only match, in the case that was typed */
	terminal_type(&t, "ge\t");
	terminal_expect(&t, "t ");
	terminal_type(&t, "\x15");
	terminal_type(&t, "SU\t");
	terminal_expect(&t, "BSCRIBE ");
	/* the common beginning of the matches, then a list of them */
	terminal_type(&t, "\x15");
	terminal_type(&t, "p\t\t");
	terminal_expect(&t, "persist\r\nping\r\npop\r\nput\r\n");
	terminal_type(&t, "\x15");
	kv_expect(KV("create", "shops"), NULL, 0, "", "");
	terminal_type(&t, "get sh\t");
	terminal_expect(&t, "op");
	terminal_type(&t, "\t");
	terminal_expect(&t, "shopping\r\nshops\r\n");
	terminal_type(&t, "\x15");
	terminal_type(&t, "pi\t");
	terminal_expect(&t, "ng ");
	terminal_type(&t, "\x15");
	/* The argument of HELP is the name of a command. */
	terminal_type(&t, "help un\t");
	terminal_expect(&t, "subscribe ");
	terminal_type(&t, "\x15");
	/* keys, also those of a bucket whose name is quoted */
	kv_expect(KV("put", "shopping", "milk", "1"), NULL, 0, "", "");
	kv_expect(KV("put", "shopping", "-mint", "1"), NULL, 0, "", "");
	kv_expect(KV("put", "shopping", "sour milk", "1"), NULL, 0, "", "");
	kv_expect(KV("create", "a b"), NULL, 0, "", "");
	kv_expect(KV("put", "a b", "caf\xc3\xa9", "1"), NULL, 0, "", "");
	kv_expect(KV("put", "a b", "caf\xc3\xa8", "1"), NULL, 0, "", "");
	terminal_type(&t, "get shopping \t");
	terminal_expect(&t, "-mint\r\nmilk\r\n");
	terminal_type(&t, "m\t");
	terminal_expect(&t, "ilk ");
	/* GET takes any number of them. */
	terminal_type(&t, "-\t");
	terminal_expect(&t, "mint ");
	terminal_type(&t, "\x15get shopping -\t");
	terminal_expect(&t, "mint ");
	/* no character is cut in its middle */
	terminal_type(&t, "\x15get \"a b\" c\t");
	terminal_expect(&t, "af");
	terminal_type(&t, "\t");
	terminal_expect(&t, "caf\xc3\xa8\r\ncaf\xc3\xa9\r\n");
	terminal_type(&t, "\x15help cre\t");
	terminal_expect(&t, "ate ");
	terminal_type(&t, "\x15");
	terminal_type(&t, "exit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
}

TEST(test_edit_restart)
{
	survive(build_dir());
}

TEST(test_edit_subscribe)
{
	subscribe(build_dir());
}

TEST(test_edit_interrupt)
{
	interrupt(build_dir());
}

/* Each line is saved at once, so that a killed kv loses none. */
TEST(test_edit_kill)
{
	struct terminal a, b;

	terminal_open(&a, build_dir(), NO_ARGS);
	terminal_expect(&a, "kv> ");
	terminal_open(&b, build_dir(), NO_ARGS);
	terminal_expect(&b, "kv> ");
	terminal_type(&a, "echo first\r");
	terminal_expect(&a, "OK\r\n");
	terminal_type(&b, "echo second\r");
	terminal_expect(&b, "OK\r\n");
	terminal_type(&a, "echo third\r");
	terminal_expect(&a, "OK\r\n");
	signal_process(a.pid, SIGKILL);
	ck_assert_int_eq(terminal_close(&a), 128 + SIGKILL);
	/* A session keeps the lines that other sessions have saved. */
	terminal_type(&b, "exit\r");
	ck_assert_int_eq(terminal_close(&b), 0);
	terminal_open(&a, build_dir(), NO_ARGS);
	terminal_expect(&a, "kv> ");
	/* This is the line before "exit". */
	terminal_type(&a, "\033[A\033[A\r");
	terminal_expect(&a, "\nthird\r\nOK\r\n");
	terminal_expect(&a, "kv> ");
	/* The lines are, from the last: third, exit, third, second, first. */
	terminal_type(&a, "\033[A\033[A\033[A\033[A\033[A\r");
	terminal_expect(&a, "\nfirst\r\nOK\r\n");
	terminal_expect(&a, "kv> ");
	terminal_type(&a, "exit\r");
	ck_assert_int_eq(terminal_close(&a), 0);
}

/* The history file does not grow for ever. */
TEST(test_edit_history_size)
{
	struct terminal t;
	char path[128], line[256];
	size_t lines = 0;
	FILE *file;
	int i;

	snprintf(path, sizeof(path), "%s/.kv_history", server->dir);
	ck_assert_ptr_nonnull(file = fopen(path, "w"));
	fputs("_HiStOrY_V2_\n", file);
	for (i = 0; i < 2100; i++)
		fprintf(file, "echo\\040%d\\012\n", i);
	ck_assert_int_eq(fclose(file), 0);
	terminal_open(&t, build_dir(), NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "\033[A\r");
	terminal_expect(&t, "\n2099\r\nOK\r\n");
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "exit\r");
	ck_assert_int_eq(terminal_close(&t), 0);
	ck_assert_ptr_nonnull(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file) != NULL)
		lines++;
	(void)fclose(file);
	/* The file also has a heading, and the line "exit". */
	ck_assert_uint_eq(lines, 1000 + 2);
}

/* When kv gets SIGTERM, it restores the terminal. */
TEST(test_edit_terminate)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct termios before, after;
	struct terminal t;

	terminal_open(&t, build_dir(), NO_ARGS);
	terminal_expect(&t, "kv> ");
	terminal_type(&t, "ping\r");
	terminal_expect(&t, "OK\r\n");
	terminal_expect(&t, "kv> ");
	/* The test waits until kv reads single keys. */
	do {
		pause_until(deadline_ms, "the terminal's mode");
		ck_assert_int_eq(tcgetattr(t.fd, &before), 0);
	} while (before.c_lflag & ICANON);
	signal_process(t.pid, SIGTERM);
	while (terminal_read(&t))
		;
	ck_assert_int_eq(tcgetattr(t.fd, &after), 0);
	ck_assert_uint_ne(after.c_lflag & ICANON, 0);
	ck_assert_int_eq(terminal_close(&t), 128 + SIGTERM);
}

#endif

static const struct test tests[] = {
	CASE("kv_prompt", setup, teardown),
	ONCE(test_plain),
	ONCE(test_unreachable),
	ONCE(test_plain_restart),
	ONCE(test_plain_subscribe),
	ONCE(test_plain_interrupt),
	ONCE(test_transaction),
	ONCE(test_progress),
	ONCE(test_newline),
#ifdef HAVE_LIBEDIT
	ONCE(test_edit),
	ONCE(test_edit_history),
	ONCE(test_edit_complete),
	ONCE(test_edit_restart),
	ONCE(test_edit_subscribe),
	ONCE(test_edit_interrupt),
	ONCE(test_edit_kill),
	ONCE(test_edit_history_size),
	ONCE(test_edit_terminate),
#endif
};

SUITE("kv_prompt", tests)
