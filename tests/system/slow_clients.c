/*
 * slow_clients: attacks a kvd with clients that are slow, or mean harm, and
 * measures what an honest client notices, and what memory kvd's processes need
 * meanwhile.
 *
 *	slow_clients [-a attack] [-n clients] [-t seconds] PORT PID
 *
 * PID is kvd's master.  Prints a line for each attack.  Exits with 1 if an honest
 * client waited for longer than a second, or was not served.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"
#include "system/slow_clients.h"

#define LIMIT_MS 1000.0
/* An honest client asks as often, or waits for its reply. */
#define ASK_EACH_MS 5
#define SAMPLES_MAX 100000
#define LOOK_MS 100
#define CHILDREN_MAX 20000
/* The longest time for a million keys, and for workers to end. */
#define PREPARE_MS 120000
#define REST_MS 20000

/* What the honest client writes, in memory that it shares. */
struct honest {
	atomic_int admitted, answered; /* numbers of samples */
	float admit_ms[SAMPLES_MAX], answer_ms[SAMPLES_MAX];
};

/* The largest memory of each process, in KiB. */
struct peak {
	long master, acceptor, registry, checkpointer, worker;
};

struct settings {
	const char *attack; /* NULL: all */
	int clients, seconds, port;
	pid_t master;
};

static double
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

int
connect_to(int port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

	if (fd == -1)
		err(1, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(fd, (const struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect");
	return fd;
}

void
say_all(int fd, const char *text, size_t size)
{
	ssize_t n;

	for (; size > 0; text += n, size -= (size_t)n)
		if ((n = send(fd, text, size, MSG_NOSIGNAL)) == -1)
			err(1, "send");
}

/* How long a request takes whose replies are `want`. */
static double
ask(int fd, const char *request, const char *want)
{
	size_t size = strlen(want), got = 0;
	double begin_ms = now_ms();
	char reply[64];
	ssize_t n;

	say_all(fd, request, strlen(request));
	for (; got < size; got += (size_t)n)
		if ((n = recv(fd, reply + got, size - got, 0)) <= 0)
			errx(1, "an honest client was disconnected");
	if (memcmp(reply, want, size) != 0)
		errx(1, "an honest client was told: %.*s", (int)size, reply);
	return now_ms() - begin_ms;
}

static void
note(float *samples, atomic_int *count, double ms)
{
	int n = atomic_load(count);

	if (n == SAMPLES_MAX)
		return;
	samples[n] = (float)ms;
	atomic_store(count, n + 1);
}

/* One client stays connected; another one comes and goes. */
__attribute__((noreturn)) static void
be_honest(struct honest *h, int port)
{
	int stays = connect_to(port), comes;
	double begin_ms;

	for (;;) {
		note(h->answer_ms, &h->answered,
		    ask(stays, "GET b k\nPUT b k v\n", "v\r\nOK\r\nOK\r\n"));
		begin_ms = now_ms();
		comes = connect_to(port);
		(void)ask(comes, "PING\n", "OK\r\n");
		note(h->admit_ms, &h->admitted, now_ms() - begin_ms);
		(void)close(comes);
		(void)poll(NULL, 0, ASK_EACH_MS);
	}
}

static void
keep_most(long *most, pid_t pid)
{
	long kib = proc_memory_kib(pid);

	if (kib > *most)
		*most = kib;
}

/* Of all processes but the workers.  Returns the acceptor. */
static pid_t
look(struct peak *p, pid_t master)
{
	pid_t children[64], acceptor = 0;
	size_t i, n = proc_children(master, children, 64);
	struct proc proc;

	keep_most(&p->master, master);
	for (i = 0; i < n; i++) {
		if (!proc_read(children[i], &proc))
			continue;
		if (strcmp(proc.name, "kvd-registry") == 0)
			keep_most(&p->registry, proc.pid);
		else if (strncmp(proc.name, "kvd-check", 9) == 0)
			keep_most(&p->checkpointer, proc.pid);
		else if (strcmp(proc.name, "kvd-acceptor") == 0) {
			keep_most(&p->acceptor, proc.pid);
			acceptor = proc.pid;
		}
	}
	return acceptor;
}

/* Returns how many workers there are. */
static size_t
look_at_workers(struct peak *p, pid_t acceptor)
{
	static pid_t workers[CHILDREN_MAX];
	size_t i, n = proc_children(acceptor, workers, CHILDREN_MAX);

	for (i = 0; i < n; i++)
		keep_most(&p->worker, workers[i]);
	return n;
}

static int
compare(const void *a, const void *b)
{
	const float *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* Prints median and maximum, and returns whether they are good. */
static bool
print_samples(const char *what, float *samples, int n)
{
	if (n == 0) {
		printf("  %s: never", what);
		return false;
	}
	qsort(samples, (size_t)n, sizeof(*samples), compare);
	printf("  %s %.1f/%.0f ms", what, (double)samples[n / 2],
	    (double)samples[n - 1]);
	return (double)samples[n - 1] < LIMIT_MS;
}

static pid_t
fork_or_die(void)
{
	pid_t pid;

	(void)fflush(stdout);
	if ((pid = fork()) == -1)
		err(1, "fork");
	return pid;
}

/* Returns when it has been served once. */
static pid_t
start_honest(struct honest *h, int port)
{
	double deadline_ms = now_ms() + REST_MS;
	pid_t pid;

	atomic_store(&h->admitted, 0);
	if ((pid = fork_or_die()) == 0)
		be_honest(h, port);
	while (atomic_load(&h->admitted) == 0)
		if (poll(NULL, 0, ASK_EACH_MS) == -1 || now_ms() > deadline_ms)
			errx(1, "no client is served");
	return pid;
}

static void
kill_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* Has the process ended by itself?  It has said why. */
static bool
has_failed(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == pid;
}

static pid_t
start_attack(const struct attack *a, const struct settings *s)
{
	int fds[2];
	struct pollfd pfd = { .events = POLLIN };
	pid_t pid;

	if (pipe(fds) == -1)
		err(1, "pipe");
	if ((pid = fork_or_die()) == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close(fds[0]);
		a->run(s->port,
		    s->clients > a->one_in ? s->clients / a->one_in : 1);
		_exit(1);
	}
	(void)close(fds[1]);
	pfd.fd = fds[0];
	if (a->prepares && poll(&pfd, 1, PREPARE_MS) != 1)
		errx(1, "%s takes too long", a->name);
	(void)close(fds[0]);
	return pid;
}

/* Waits until no worker is left but the honest clients'. */
static void
await_rest(const struct settings *s)
{
	double deadline_ms = now_ms() + REST_MS;
	struct peak none;

	memset(&none, 0, sizeof(none));
	while (look_at_workers(&none, look(&none, s->master)) > 0 &&
	    now_ms() < deadline_ms)
		(void)poll(NULL, 0, LOOK_MS);
}

static bool
try(const struct attack *a, const struct settings *s, struct honest *h)
{
	pid_t honest, attacker, acceptor = 0;
	bool failed = false, good;
	struct peak peak;
	size_t workers;
	double end_ms;

	memset(&peak, 0, sizeof(peak));
	honest = start_honest(h, s->port);
	attacker = start_attack(a, s);
	/* What came before does not count. */
	atomic_store(&h->admitted, 0);
	atomic_store(&h->answered, 0);
	end_ms = now_ms() + s->seconds * 1000;
	while (!failed && now_ms() < end_ms) {
		(void)poll(NULL, 0, LOOK_MS);
		acceptor = look(&peak, s->master);
		failed = has_failed(honest) || has_failed(attacker);
	}
	workers = look_at_workers(&peak, acceptor);
	kill_child(honest);
	kill_child(attacker);
	printf("%-22s", a->name);
	good = print_samples("answered", h->answer_ms, h->answered);
	good = print_samples("admitted", h->admit_ms, h->admitted) && good;
	printf("  MiB: registry %ld, checkpointer %ld, acceptor %ld, "
	       "master %ld, largest of %zu workers %.1f%s\n",
	    peak.registry >> 10, peak.checkpointer >> 10, peak.acceptor >> 10,
	    peak.master >> 10, workers, (double)peak.worker / 1024,
	    good && !failed ? "" : "  FAILED");
	(void)fflush(stdout);
	await_rest(s);
	return good && !failed;
}

__attribute__((noreturn)) static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: slow_clients [-a attack] [-n clients] [-t seconds] "
	    "port pid\n");
	exit(2);
}

static void
get_settings(struct settings *s, int argc, char *argv[])
{
	int c;

	*s = (struct settings){ .clients = 2000, .seconds = 5 };
	while ((c = getopt(argc, argv, "a:n:t:")) != -1) {
		switch (c) {
		case 'a':
			s->attack = optarg;
			break;
		case 'n':
			s->clients = atoi(optarg);
			break;
		case 't':
			s->seconds = atoi(optarg);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2 || s->clients < 1 || s->seconds < 1)
		usage();
	s->port = atoi(argv[optind]);
	s->master = (pid_t)atol(argv[optind + 1]);
}

int
main(int argc, char *argv[])
{
	struct settings s;
	struct rlimit limit;
	struct honest *h;
	size_t i, tried = 0;
	bool good = true;

	get_settings(&s, argc, argv);
	limit.rlim_cur = limit.rlim_max = (rlim_t)s.clients + 100;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (h == MAP_FAILED)
		err(1, "mmap");
	attacks_prepare(s.port);
	printf("honest clients: median/maximum\n");
	for (i = 0; i < n_attacks; i++)
		if (s.attack == NULL ||
		    strcmp(s.attack, attacks[i].name) == 0) {
			good = try(&attacks[i], &s, h) && good;
			tried++;
		}
	if (tried == 0)
		errx(2, "%s: no such attack", s.attack);
	return good ? 0 : 1;
}
