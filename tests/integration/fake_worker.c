#include <sys/socket.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/scoreboard.h"
#include "fake_worker.h"
#include "fixture.h"

static bool
is_scoreboard(int directory, const char *name)
{
	char target[64];
	ssize_t n = readlinkat(directory, name, target, sizeof(target) - 1);

	if (n == -1)
		return false;
	target[n] = '\0';
	return strncmp(target, "/memfd:kvd-scoreboard", 21) == 0;
}

struct scoreboard *
fake_worker_scoreboard(const struct server *s)
{
	struct scoreboard *board = NULL;
	struct dirent *entry;
	char path[32];
	DIR *directory;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)s->pid);
	ck_assert_ptr_nonnull(directory = opendir(path));
	while (board == NULL && (entry = readdir(directory)) != NULL) {
		if (!is_scoreboard(dirfd(directory), entry->d_name))
			continue;
		fd =
		    openat(dirfd(directory), entry->d_name, O_RDWR | O_CLOEXEC);
		ck_assert_int_ne(fd, -1);
		ck_assert_ptr_nonnull(board = scoreboard_open(fd));
	}
	ck_assert_ptr_nonnull(board);
	(void)closedir(directory);
	return board;
}

uint64_t
fake_worker_session(const struct server *s)
{
	static const struct sockaddr_storage unix_client = { .ss_family =
								 AF_UNIX };
	struct scoreboard *board = fake_worker_scoreboard(s);
	uint64_t random, session;
	uint32_t slot;

	ck_assert_int_eq(getentropy(&random, sizeof(random)), 0);
	ck_assert_int_eq(
	    scoreboard_take(board, &unix_client, SCOREBOARD_MAX, 0, &slot),
	    SCOREBOARD_OK);
	session = scoreboard_set_session(board, slot, random);
	scoreboard_close(board);
	return session;
}

int
fake_worker_connect(const struct server *s)
{
	char path[sizeof(s->dir) + 32];

	snprintf(path, sizeof(path), "%s/run/worker/registry.sock", s->dir);
	return client_connect_unix(path);
}
