/*
 * limits: the limit of open files, and the kernel's out-of-memory killer.  Runs
 * in the master, and in an acceptor between fork(2) and execve(2).
 */

#include <sys/resource.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/privileges.h"
#include "master/limits.h"

/* The descriptors of the registry besides its workers' connections, with some
 * to spare for connections that have not said HELLO (registry/session.c), and for
 * those of workers that have ended which it has not closed yet. */
#define REGISTRY_FDS 28
/* The descriptors of the master besides listening sockets and channels to
 * acceptors, with one connection of kvctl(8).  A child that is being started has
 * all of these, and once more those that are meant for it, with each socket. */
#define MASTER_FDS 31
/* Values of oom_score_adj, which is from -1000 to 1000: that of the master, and
 * by how much an acceptor's is higher than the master's. */
#define PROTECTED (-500)
#define EXPOSED_BY 300
#define OOM_MAX 1000
#define OOM_FILE "/proc/self/oom_score_adj"

void
limits_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		log_warn("cannot raise the limit of open files");
}

static int64_t
count_master_fds(const struct config *config)
{
	const struct config_listen *l;
	int64_t n = MASTER_FDS + config->acceptors;

	TAILQ_FOREACH(l, &config->listens, entry)
		n += 2;
	return n;
}

int64_t
limits_clients(const struct config *config, int64_t *limit)
{
	struct rlimit nofile;

	*limit = INT64_MAX;
	if (getrlimit(RLIMIT_NOFILE, &nofile) == 0 &&
	    nofile.rlim_max != RLIM_INFINITY)
		*limit = (int64_t)nofile.rlim_max;
	if (*limit <= REGISTRY_FDS || *limit < count_master_fds(config))
		return 0;
	return *limit - REGISTRY_FDS;
}

int64_t
limits_spare(const struct config *config)
{
	int64_t limit;

	(void)limits_clients(config, &limit);
	return limit - count_master_fds(config);
}

int
limits_check(const struct config *config)
{
	int64_t limit;

	if (limits_clients(config, &limit) > 0)
		return 0;
	log_warnx("kvd cannot work with a limit of %" PRId64
		  " open files: raise it (ulimit -Hn, LimitNOFILE)",
	    limit);
	return -1;
}

int
limits_apply(struct config *config)
{
	int64_t limit, fit = limits_clients(config, &limit);

	if (limits_check(config) == -1)
		return -1;
	if (config->max_clients <= fit)
		return 0;
	log_warnx("max-clients is lowered from %" PRId64 " to %" PRId64
		  ", because a process may have %" PRId64
		  " open files: raise that limit (ulimit -Hn, LimitNOFILE)",
	    config->max_clients, fit, limit);
	config->max_clients = fit;
	return 0;
}

/* Returns -1 if the score cannot be read. */
static int
read_score(int *score)
{
	char text[16];
	ssize_t n;
	int fd = open(OOM_FILE, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	*score = atoi(text);
	return 0;
}

/* A score that this process may not set stays as it is. */
static void
write_score(int fd, int score)
{
	if (dprintf(fd, "%d", score) < 0)
		log_debug("%s stays as it is", OOM_FILE);
}

void
limits_protect(void)
{
	int fd, score;

	if (geteuid() != 0 || read_score(&score) == -1 || score != 0 ||
	    (fd = open(OOM_FILE, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	write_score(fd, PROTECTED);
	(void)close(fd);
}

void
limits_expose(int keep_fd)
{
	int fd, score;

	/* Otherwise the file belongs to root.  execve(2) allows it again in any
	 * case. */
	privileges_set_traceable(true);
	if (read_score(&score) == -1 || (fd = open(OOM_FILE, O_RDWR)) == -1)
		return;
	write_score(fd,
	    score + EXPOSED_BY > OOM_MAX ? OOM_MAX : score + EXPOSED_BY);
	if (fd == keep_fd)
		return;
	if (keep_fd != -1)
		(void)dup2(fd, keep_fd);
	(void)close(fd);
}
