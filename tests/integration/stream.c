/*
 * stream: see stream.h.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "stream.h"

#define READ_SIZE 65536

void
add(struct buf *b, const char *format, ...)
{
	char text[2048];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (size < 0 || size >= (int)sizeof(text))
		abort();
	buf_append_text(b, text);
}

const char *
text_of(struct buf *b)
{
	buf_append_byte(b, '\0');
	ck_assert(!buf_failed(b));
	buf_truncate(b, buf_size(b) - 1);
	return (const char *)buf_data(b);
}

void
exchange_bufs(int fd, struct buf *out, struct buf *want)
{
	ck_assert(!buf_failed(out) && !buf_failed(want));
	client_exchange(fd, buf_data(out), buf_size(out), buf_data(want),
	    buf_size(want));
	buf_truncate(out, 0);
	buf_truncate(want, 0);
}

void
listen_unix(struct server *s)
{
	server_option(s, "listen 127.0.0.1:0");
	server_option(s, "listen unix %s/sock", s->dir);
}

/* Lines */

void
stream_init(struct stream *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
}

void
stream_clear(struct stream *s)
{
	(void)close(s->fd);
	buf_clear(&s->in);
}

/* The next line of what was read, or NULL. */
static char *
next_line(struct stream *s)
{
	char *line, *end;

	buf_consume(&s->in, s->line_size);
	s->line_size = 0;
	line = (char *)buf_data(&s->in);
	if (buf_size(&s->in) == 0 ||
	    (end = memchr(line, '\n', buf_size(&s->in))) == NULL)
		return NULL;
	s->line_size = (size_t)(end - line) + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

/* Reads once.  False: nothing has come, or the connection has ended. */
static bool
fill(struct stream *s)
{
	uint8_t *to = buf_reserve(&s->in, READ_SIZE);
	ssize_t n;

	if (to == NULL)
		abort();
	n = recv(s->fd, to, READ_SIZE, MSG_DONTWAIT);
	if (n > 0)
		buf_commit(&s->in, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		s->ended = true;
	return n > 0;
}

char *
stream_try(struct stream *s)
{
	char *line;

	while ((line = next_line(s)) == NULL)
		if (!fill(s))
			return NULL;
	return line;
}

/* Waits for a line.  NULL: none came, and `error' says why. */
static char *
await_line(struct stream *s, const char **error)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
	char *line;

	while ((line = stream_try(s)) == NULL) {
		if (s->ended)
			*error =
			    "the connection ended where a line was expected";
		else if (poll(&pfd, 1, WAIT_MS) != 1)
			*error = "nothing came where a line was expected";
		else
			continue;
		break;
	}
	return line;
}

char *
stream_line(struct stream *s)
{
	const char *error = "";
	char *line = await_line(s, &error);

	if (line == NULL)
		ck_abort_msg("%s", error);
	return line;
}

void
stream_hear(struct stream *s, const char *line)
{
	ck_assert_str_eq(stream_line(s), line);
}

#define STREAMS_MAX 256

void
streams_wait(const struct stream *s, size_t n, int64_t deadline_ms)
{
	struct pollfd pfds[STREAMS_MAX];
	int64_t left_ms = deadline_ms - now_ms();
	size_t i;

	ck_assert_uint_le(n, STREAMS_MAX);
	for (i = 0; i < n; i++) {
		pfds[i].fd = s[i].ended ? -1 : s[i].fd;
		pfds[i].events = POLLIN;
	}
	if (left_ms <= 0 || poll(pfds, (nfds_t)n, (int)left_ms) <= 0)
		ck_abort_msg("no line came in time");
}

/* Jobs */

struct job *
jobs_new(unsigned int n)
{
	struct job *jobs;
	unsigned int i;

	jobs = mmap(NULL, n * sizeof(*jobs), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(jobs, MAP_FAILED);
	for (i = 0; i < n; i++) {
		jobs[i].id = i;
		jobs[i].seed = (unsigned int)(getpid() + now_ms()) * 31 + i;
	}
	return jobs;
}

void
jobs_free(struct job *jobs, unsigned int n)
{
	(void)munmap(jobs, n * sizeof(*jobs));
}

__attribute__((noreturn)) static void
run_job(struct job *job, int fd, job_function *function)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* An inherited socket would keep the connection of another client. */
	if (dup2(fd, 3) == -1)
		_exit(1);
	closefrom(4);
	function(job, 3);
	_exit(0);
}

void
jobs_start(struct job *jobs, unsigned int n, const struct server *s,
    job_function *function)
{
	unsigned int i;
	pid_t pid;
	int fd;

	for (i = 0; i < n; i++) {
		jobs[i].stop = 0;
		fd = client_connect(s);
		if ((pid = test_fork()) == 0)
			run_job(&jobs[i], fd, function);
		jobs[i].pid = pid;
		(void)close(fd);
	}
}

static void
check_job(const struct job *job)
{
	ck_assert_msg(!job->wrong, "job %u: %s", job->id, job->error);
}

void
jobs_await(struct job *jobs, unsigned int n, unsigned long more)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	unsigned long want[64];
	unsigned int i;

	ck_assert_uint_le(n, COUNT(want));
	for (i = 0; i < n; i++)
		want[i] = jobs[i].done + more;
	for (i = 0; i < n; i++)
		while (jobs[i].done < want[i]) {
			check_job(&jobs[i]);
			pause_until(deadline_ms, "the next round of a job");
		}
}

void
jobs_stop(struct job *jobs, unsigned int n)
{
	unsigned int i;
	int status;

	for (i = 0; i < n; i++)
		jobs[i].stop = 1;
	for (i = 0; i < n; i++) {
		ck_assert_int_eq(waitpid(jobs[i].pid, &status, 0), jobs[i].pid);
		ck_assert_int_eq(status, 0);
		check_job(&jobs[i]);
	}
}

void
job_fail(struct job *job, const char *format, ...)
{
	va_list args;

	if (job->wrong)
		return;
	va_start(args, format);
	vsnprintf(job->error, sizeof(job->error), format, args);
	va_end(args);
	job->wrong = 1;
}

bool
job_exchange(struct job *job, int fd, struct buf *out, struct buf *want)
{
	struct exchange x = { .out = buf_data(out),
		.out_size = buf_size(out),
		.want = buf_data(want),
		.want_size = buf_size(want) };

	if (buf_failed(out) || buf_failed(want))
		abort();
	if (exchange_run(fd, &x) != EXCHANGE_OK)
		job_fail(job, "%s", x.error);
	buf_truncate(out, 0);
	buf_truncate(want, 0);
	return !job->wrong;
}

char *
job_line(struct job *job, struct stream *s)
{
	const char *error = "";
	char *line = await_line(s, &error);

	if (line == NULL)
		job_fail(job, "%s", error);
	return line;
}

/* Measures */

long
process_private_kib(pid_t pid)
{
	static const char field[] = "RssAnon:";
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtol(line + strlen(field), NULL, 10);
	(void)fclose(file);
	ck_assert_int_ge(kib, 0);
	return kib;
}

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool
is_sanitized(void)
{
	return SANITIZED;
}

long
store_kib(const struct server *s)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data/data.mdb", s->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	return (long)(st.st_size / 1024);
}

unsigned int
draw(unsigned int *seed, unsigned int n)
{
	return (unsigned int)rand_r(seed) % n;
}
