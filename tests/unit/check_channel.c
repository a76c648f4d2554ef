/*
 * check_channel: these tests check the messages between the master and its
 * children (common/channel).  The test acts as the master.  Each child is a
 * process of its own because it needs the channel on descriptor 3.
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"

#define MAX_VALUE 4711
#define WALL_BASE_MS INT64_C(1234567890123)

static int channel[2]; /* These are the master's end and the child's end. */
static struct config config;
static const struct startup_params params = { .log_where = LOG_TO_STDERR,
	.verbose = true,
	.wall_base_ms = WALL_BASE_MS,
	.store = { { 1, UINT64_MAX } } };

static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel), 0);
	ck_assert_int_eq(config_init(&config), 0);
	config.max_value = MAX_VALUE;
}

static void
teardown(void)
{
	config_clear(&config);
	(void)close(channel[0]);
	(void)close(channel[1]);
}

/* This runs `child` in a process of its own, and returns its exit status. */
static int
run_child(int (*child)(void))
{
	pid_t pid = test_fork();
	int status;

	if (pid == 0) {
		if (dup2(channel[1], CHANNEL_FD) == -1)
			_exit(99);
		/* This closes the master's end and Check's file of messages. */
		closefrom(CHANNEL_FD + 1);
		_exit(child());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
receive_config(void)
{
	char error[CONFIG_ERROR_SIZE];
	struct startup_params got;
	struct config c;
	int status = channel_recv_config(&c, &got, error);

	if (status != EX_OK)
		return status;
	if (c.max_value != MAX_VALUE || got.log_where != params.log_where ||
	    got.verbose != params.verbose ||
	    got.wall_base_ms != params.wall_base_ms ||
	    memcmp(&got.store, &params.store, sizeof(got.store)) != 0)
		return 98;
	return 0;
}

TEST(test_config)
{
	ck_assert_int_eq(channel_send_config(channel[0], &config, &params), 0);
	ck_assert_int_eq(run_child(receive_config), 0);
}

/* If an acceptor executes itself again, a ping may precede its configuration.
 * The acceptor must skip the ping. */
TEST(test_ping_before_config)
{
	ck_assert_int_eq(channel_send(channel[0], CHANNEL_PING), 0);
	ck_assert_int_eq(channel_send(channel[0], CHANNEL_PING), 0);
	ck_assert_int_eq(channel_send_config(channel[0], &config, &params), 0);
	ck_assert_int_eq(run_child(receive_config), 0);
}

static int
receive_nothing(void)
{
	(void)close(CHANNEL_FD);
	return receive_config();
}

/* These bytes are not a valid first message of a master. */
TEST(test_no_config)
{
	ck_assert_int_eq(run_child(receive_nothing), EX_USAGE);
	ck_assert_int_eq(channel_send(channel[0], CHANNEL_READY), 0);
	ck_assert_int_eq(run_child(receive_config), EX_USAGE);
}

/* The master has ended, or seems to have: another attempt may succeed. */
TEST(test_no_master)
{
	(void)close(channel[0]);
	ck_assert_int_eq(run_child(receive_config), EX_TEMPFAIL);
	channel[0] = -1;
}

static int
serve(void)
{
	static const enum channel_event want[] = { CHANNEL_NOTHING,
		CHANNEL_NEW_CONFIG, CHANNEL_UNKNOWN, CHANNEL_NOTHING };
	char error[CONFIG_ERROR_SIZE];
	struct config c;
	size_t i;

	if (config_init(&c) == -1)
		return 97;
	for (i = 0; i < COUNT(want); i++)
		if (channel_serve(&c, error) != want[i])
			return (int)i + 1;
	return c.max_value == MAX_VALUE ? 0 : 98;
}

TEST(test_serve)
{
	uint64_t numbers[2];
	int passed_fd;

	ck_assert_int_eq(channel_send(channel[0], CHANNEL_PING), 0);
	ck_assert_int_eq(channel_send_config(channel[0], &config, &params), 0);
	ck_assert_int_eq(channel_send(channel[0], CHANNEL_PONG), 0);
	ck_assert_int_eq(run_child(serve), 0);
	ck_assert_int_eq(channel_recv(channel[0], numbers, &passed_fd),
	    CHANNEL_PONG);
	ck_assert_int_eq(passed_fd, -1);
}

static int
serve_end(void)
{
	char error[CONFIG_ERROR_SIZE];
	struct config c;

	return config_init(&c) == 0 && channel_serve(&c, error) == CHANNEL_END ?
	    0 :
	    1;
}

TEST(test_end)
{
	(void)close(channel[0]);
	ck_assert_int_eq(run_child(serve_end), 0);
	channel[0] = -1;
}

static int
say_ready(void)
{
	return channel_send_ready(&params.store, STDOUT_FILENO);
}

TEST(test_ready)
{
	uint64_t numbers[2];
	struct stat sent, received;
	int passed_fd;

	ck_assert_int_eq(run_child(say_ready), 0);
	ck_assert_int_eq(channel_recv(channel[0], numbers, &passed_fd),
	    CHANNEL_READY);
	ck_assert_int_eq(fstat(STDOUT_FILENO, &sent), 0);
	ck_assert_int_eq(fstat(passed_fd, &received), 0);
	ck_assert_uint_eq(received.st_ino, sent.st_ino);
	ck_assert_int_eq(close(passed_fd), 0);
	ck_assert_mem_eq(numbers, &params.store, sizeof(numbers));
}

static const struct test tests[] = {
	CASE("channel", setup, teardown),
	ONCE(test_config),
	ONCE(test_ping_before_config),
	ONCE(test_no_config),
	ONCE(test_no_master),
	ONCE(test_serve),
	ONCE(test_end),
	ONCE(test_ready),
};

SUITE("channel", tests)
