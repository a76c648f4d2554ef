/*
 * crowd: see crowd.h.  A member is one of the processes.  It is not Check's
 * process, so that it must not call anything that fails the test.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"

#define PROCESSES_MAX 8
#define CLIENTS_MAX 64
/* The backlog of a listener may be full for a moment. */
#define CONNECT_TRIES 1000

struct member {
	pid_t pid;
	atomic_int stop;
	atomic_ulong rounds, cuts;
	bool wrong; /* something is; `error' says what */
	char error[512];
};

struct crowd {
	enum crowd_kind kind;
	int processes, clients;
	struct sockaddr_in addr;
	struct member members[PROCESSES_MAX];
};

/* Returns -1 if that is impossible. */
static int
member_connect(const struct crowd *c)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	int fd, i;

	for (i = 0; i < CONNECT_TRIES; i++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			return -1;
		if (connect(fd, (const struct sockaddr *)&c->addr,
			sizeof(c->addr)) == 0)
			return fd;
		(void)close(fd);
		(void)nanosleep(&pause, NULL);
	}
	return -1;
}

static void
go_wrong(struct member *m, const char *error)
{
	(void)snprintf(m->error, sizeof(m->error), "%s", error);
	m->wrong = true;
}

/*
 * One exchange of a client.  False: the client has lost its connection, or
 * something is wrong.
 */
static bool
talk(struct crowd *c, struct member *m, int fd, int number)
{
	struct exchange x = { 0 };
	char out[128], want[64];
	long value = (long)m->rounds;

	(void)snprintf(out, sizeof(out),
	    "PUT crowd %ld.%d %ld\nGET crowd %ld.%d\n", (long)getpid(), number,
	    value, (long)getpid(), number);
	(void)snprintf(want, sizeof(want), "OK\r\n%ld\r\nOK\r\n", value);
	x.out = out;
	x.out_size = strlen(out);
	x.want = want;
	x.want_size = strlen(want);
	switch (exchange_run(fd, &x)) {
	case EXCHANGE_OK:
		return true;
	case EXCHANGE_ENDED:
		m->cuts++;
		if (c->kind == CROWD_LOYAL || c->kind == CROWD_GUESTS)
			go_wrong(m, x.error);
		return false;
	case EXCHANGE_WRONG:
		break;
	}
	/* It may have been told that there are too many clients. */
	if (c->kind != CROWD_FICKLE)
		go_wrong(m, x.error);
	return false;
}

static void
go_round(struct crowd *c, struct member *m, int *fds)
{
	bool leaves = c->kind == CROWD_FICKLE || c->kind == CROWD_GUESTS;
	int i;

	for (i = 0; i < c->clients && !m->wrong; i++) {
		if (fds[i] == -1 && (fds[i] = member_connect(c)) == -1) {
			go_wrong(m, strerror(errno));
			return;
		}
		if (talk(c, m, fds[i], i))
			continue;
		(void)close(fds[i]);
		fds[i] = -1;
	}
	for (i = 0; i < c->clients && leaves; i++) {
		if (fds[i] != -1)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

__attribute__((noreturn)) static void
be_member(struct crowd *c, struct member *m)
{
	int fds[CLIENTS_MAX], i;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* An inherited socket would keep the connection of another client. */
	closefrom(3);
	for (i = 0; i < CLIENTS_MAX; i++)
		fds[i] = -1;
	while (!m->stop && !m->wrong) {
		go_round(c, m, fds);
		m->rounds++;
	}
	_exit(0);
}

static void
create_bucket(const struct server *s)
{
	int fd = client_connect(s);
	char line[LINE_SIZE];

	client_say(fd, "CREATE crowd\n");
	client_read_line(fd, line); /* OK, or it exists already */
	(void)close(fd);
}

struct crowd *
crowd_start(const struct server *s, enum crowd_kind kind, int processes,
    int clients)
{
	struct crowd *c;
	pid_t pid;
	int i;

	ck_assert_int_le(processes, PROCESSES_MAX);
	ck_assert_int_le(clients, CLIENTS_MAX);
	create_bucket(s);
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(c, MAP_FAILED);
	c->kind = kind;
	c->processes = processes;
	c->clients = clients;
	c->addr.sin_family = AF_INET;
	c->addr.sin_port = htons((uint16_t)s->port);
	ck_assert_int_eq(inet_pton(AF_INET, s->host, &c->addr.sin_addr), 1);
	for (i = 0; i < processes; i++) {
		if ((pid = test_fork()) == 0)
			be_member(c, &c->members[i]);
		c->members[i].pid = pid;
	}
	return c;
}

static void
check_member(const struct member *m)
{
	if (m->wrong)
		ck_abort_msg("a client: %s", m->error);
}

void
crowd_await(struct crowd *c, unsigned long rounds)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	unsigned long want[PROCESSES_MAX];
	int i;

	for (i = 0; i < c->processes; i++)
		want[i] = c->members[i].rounds + rounds;
	for (i = 0; i < c->processes; i++)
		while (c->members[i].rounds < want[i]) {
			check_member(&c->members[i]);
			pause_until(deadline_ms, "the next round of a client");
		}
}

unsigned long
crowd_cuts(const struct crowd *c)
{
	unsigned long cuts = 0;
	int i;

	for (i = 0; i < c->processes; i++)
		cuts += c->members[i].cuts;
	return cuts;
}

void
crowd_end(struct crowd *c)
{
	int i, status;

	for (i = 0; i < c->processes; i++)
		c->members[i].stop = 1;
	for (i = 0; i < c->processes; i++) {
		ck_assert_int_eq(waitpid(c->members[i].pid, &status, 0),
		    c->members[i].pid);
		ck_assert_int_eq(status, 0);
		check_member(&c->members[i]);
	}
	(void)munmap(c, sizeof(*c));
}
