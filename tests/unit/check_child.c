/*
 * check_child: these tests check how the master executes a child
 * (master/child).  The child is this program itself: when it is started under
 * the name of a child, it only reports which descriptors are open.
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "master/child.h"

#define TEXT_SIZE 512
/* This number is far above the descriptors that the master assigns. */
#define LEAKED_FD 100

static const struct child_spec spec = { .name = "probe" };

/* This writes the open descriptors of this process in ascending order, with a
 * space before each. */
static void
list_fds(char text[TEXT_SIZE])
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int fd;

	text[0] = '\0';
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		fd = atoi(entry->d_name);
		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		(void)strlcat(text, " ", TEXT_SIZE);
		(void)strlcat(text, entry->d_name, TEXT_SIZE);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static int
probe(void)
{
	char text[TEXT_SIZE];

	/* This reads the configuration.  If it stayed unread, the master might
	 * lose our answer. */
	if (recv(CHANNEL_FD, text, sizeof(text), 0) <= 0)
		return 1;
	list_fds(text);
	return send(CHANNEL_FD, text, strlen(text), 0) == -1;
}

static void
expect_fds(const struct child *c, const char *want)
{
	struct pollfd pfd = { .fd = c->channel_fd, .events = POLLIN };
	char text[TEXT_SIZE];
	int status;
	ssize_t n;

	ck_assert_int_eq(poll(&pfd, 1, 60000), 1);
	n = recv(c->channel_fd, text, sizeof(text) - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, want);
	ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
	ck_assert_int_eq(status, 0);
}

static void
start(struct child *c)
{
	struct startup_params params = { 0 };
	struct config config;

	ck_assert_int_eq(config_init(&config), 0);
	ck_assert_int_eq(child_start(c, &config, &params), 0);
	config_clear(&config);
}

/* A child has only the descriptors that it is given.  It inherits no other
 * descriptor of the master, whether close-on-exec is set or not. */
TEST(test_descriptors)
{
	int fds[2], program_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	struct child c = { .spec = &spec,
		.program_fd = program_fd,
		.lifeline_fd = -1,
		.scoreboard_fd = program_fd,
		.checkpoint_fd = -1,
		.listen_fds = fds,
		.listens = _i == 0 ? 0 : 2,
		.channel_fd = -1,
		.configure_at_ms = CLOCK_NEVER };

	ck_assert_int_ne(program_fd, -1);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(dup2(fds[0], LEAKED_FD), LEAKED_FD);
	start(&c);
	expect_fds(&c, _i == 0 ? " 0 1 2 3 5 6" : " 0 1 2 3 5 6 9 10");
	child_forget(&c);
	ck_assert_int_eq(c.channel_fd, -1);
	ck_assert_int_eq(c.pid, 0);
	(void)close(LEAKED_FD);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(program_fd);
}

static const struct test tests[] = {
	CASE("child", NULL, NULL),
	LOOP(test_descriptors, 2),
};

int
main(int argc, char *argv[])
{
	if (argc > 0 && strcmp(argv[0], "kvd-probe") == 0)
		return probe();
	return suite_run("child", tests, COUNT(tests), argc, argv);
}
