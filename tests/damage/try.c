/*
 * try: uses a kvd as clients do, and compares what it says with the model.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "damage/damage.h"
#include "damage/server.h"

/* All that is done with an image has this time. */
#define TRY_MS 60000
#define POLL_US 2000
/* More crashes than two for each walk, and a walk for each start. */
#define CRASHES_MAX 8
#define BATCH 32 /* requests at once: their replies fit a socket's buffer */
#define KEYS_READ_MAX 65536
#define IN_SIZE (1 << 20)

enum what {
	GET,
	PUT,
	DELETE,
};

struct
try {
	struct model *model;
	struct outcome *outcome;
	struct server server;
	int64_t deadline_ms;
	int fd; /* -1: not connected */
	char in[IN_SIZE];
	size_t in_size, in_used;
	char missing[80];
	unsigned int served[BUCKETS], refused[BUCKETS]; /* replies */
};

/* The first reason of the worst verdict is kept. */
__attribute__((format(printf, 3, 4))) static void
judge(struct try *t, enum verdict verdict, const char *format, ...)
{
	va_list args;

	if (verdict <= t->outcome->verdict)
		return;
	t->outcome->verdict = verdict;
	va_start(args, format);
	(void)vsnprintf(t->outcome->why, sizeof(t->outcome->why), format, args);
	va_end(args);
}

/* The first one is told. */
__attribute__((format(printf, 2, 3))) static void
miss(struct try *t, const char *format, ...)
{
	va_list args;

	if (t->outcome->missing++ > 0)
		return;
	va_start(args, format);
	(void)vsnprintf(t->missing, sizeof(t->missing), format, args);
	va_end(args);
}

/* The connection */

static void
disconnect(struct try *t)
{
	if (t->fd != -1)
		(void)close(t->fd);
	t->fd = -1;
	t->in_size = t->in_used = 0;
}

static bool
connect_once(struct try *t)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 5 };

	disconnect(t);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%.90s/sock",
	    t->server.options->dir);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(t->fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return true;
	disconnect(t);
	return false;
}

/* May it go on?  Otherwise there is a verdict. */
static bool
goes_on(struct try *t)
{
	unsigned int crashes = server_crashes(&t->server);
	char line[sizeof(t->outcome->why)];

	t->outcome->crashes = crashes;
	if (!server_runs(&t->server)) {
		if (server_sentence(&t->server, line, sizeof(line)))
			judge(t, REFUSED, "%s", line);
		else
			judge(t, ENDED, "kvd has ended, wait status %d",
			    t->server.status);
		return false;
	}
	if (crashes > CRASHES_MAX) {
		judge(t, CRASH_LOOP, "%u crashes", crashes);
		return false;
	}
	if (clock_ms() > t->deadline_ms) {
		judge(t, HANGS, "not done in time, after %u crashes", crashes);
		return false;
	}
	return true;
}

/* Reads a line without its CR LF; NULL: the connection has failed. */
static char *
read_line(struct try *t)
{
	char *line, *end;
	ssize_t n;

	for (;;) {
		line = t->in + t->in_used;
		end = memchr(line, '\n', t->in_size - t->in_used);
		if (end != NULL && end > line) {
			end[-1] = '\0';
			t->in_used = (size_t)(end + 1 - t->in);
			return line;
		}
		memmove(t->in, line, t->in_size - t->in_used);
		t->in_size -= t->in_used;
		t->in_used = 0;
		n = recv(t->fd, t->in + t->in_size, IN_SIZE - t->in_size, 0);
		if (n <= 0)
			return NULL;
		t->in_size += (size_t)n;
	}
}

static bool
is_status(const char *line)
{
	return strcmp(line, "OK") == 0 || strcmp(line, "NOT FOUND") == 0 ||
	    strcmp(line, "CONFLICT") == 0 ||
	    strcmp(line, "UNKNOWN COMMAND") == 0 ||
	    strncmp(line, "ERROR ", 6) == 0;
}

/* It says so itself: ask again. */
static bool
is_passing(const char *status)
{
	return strcmp(status, "ERROR registry unavailable") == 0 ||
	    strcmp(status, "ERROR shutting down") == 0 ||
	    strcmp(status, "ERROR snapshot lost") == 0;
}

static bool
send_all(struct try *t, const char *data, size_t size)
{
	ssize_t n;

	while (size > 0) {
		n = send(t->fd, data, size, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/* Requests for keys */

struct batch {
	enum what what;
	struct bucket_model *bucket;
	unsigned int keys[BATCH];
	unsigned int versions[BATCH]; /* of a PUT */
	size_t count, done;
};

static size_t
print_request(const struct batch *b, size_t i, char *to, size_t size)
{
	static char value[VALUE_MAX];
	char key[16];

	model_key(b->keys[i], key);
	if (b->what != PUT)
		return (size_t)snprintf(to, size, "%s %s %s\r\n",
		    b->what == GET ? "GET" : "DELETE", b->bucket->name, key);
	(void)model_value(b->bucket, b->keys[i], b->versions[i], value);
	if (b->bucket->expires)
		return (size_t)snprintf(to, size, "PUT %s %s %s EX 1d\r\n",
		    b->bucket->name, key, value);
	return (size_t)snprintf(to, size, "PUT %s %s %s\r\n", b->bucket->name,
	    key, value);
}

static size_t
number_of(const struct try *t, const struct bucket_model *b)
{
	return (size_t)(b - t->model->buckets);
}

static bool
is_value(const struct bucket_model *b, unsigned int key, unsigned int version,
    const char *line)
{
	static char value[VALUE_MAX];

	if (version == 0)
		return line[0] == '\0';
	(void)model_value(b, key, version, value);
	return strcmp(line, value) == 0;
}

static void
take_value(struct try *t, const struct bucket_model *b, unsigned int key,
    const char *line)
{
	if (is_value(b, key, b->version[key], line) ||
	    is_value(b, key, b->other[key], line))
		return;
	if (line[0] == '\0') {
		miss(t, "%s key %u", b->name, key);
		return;
	}
	judge(t, WRONG_VALUE, "%s key %u is %.60s, version %u expected",
	    b->name, key, line, b->version[key]);
}

static void
take_status(struct try *t, struct batch *b, const char *status)
{
	unsigned int key = b->keys[b->done];
	size_t n = number_of(t, b->bucket);

	if (strcmp(status, "ERROR data damaged") == 0) {
		t->refused[n]++;
		b->bucket->other[key] = b->bucket->version[key];
		return;
	}
	t->served[n]++;
	if (strcmp(status, "NOT FOUND") == 0)
		miss(t, "bucket %s", b->bucket->name);
	else if (strcmp(status, "OK") != 0)
		judge(t, WRONG_VALUE, "%s key %u: %s", b->bucket->name, key,
		    status);
	else if (b->what != GET)
		b->bucket->version[key] = b->bucket->other[key];
}

/* Takes the replies that have not come yet.  False: ask again. */
static bool
take_replies(struct try *t, struct batch *b)
{
	char *line;

	for (; b->done < b->count; b->done++) {
		if ((line = read_line(t)) == NULL)
			return false;
		if (b->what == GET && !is_status(line)) {
			take_value(t, b->bucket, b->keys[b->done], line);
			if ((line = read_line(t)) == NULL)
				return false;
		}
		if (is_passing(line))
			return false;
		take_status(t, b, line);
	}
	return true;
}

static bool
send_batch(struct try *t, const struct batch *b)
{
	static char out[BATCH * (VALUE_MAX + 64)];
	size_t i, size = 0;

	for (i = b->done; i < b->count; i++)
		size += print_request(b, i, out + size, sizeof(out) - size);
	return send_all(t, out, size);
}

/* All of these requests may be repeated. */
static bool
run_batch(struct try *t, struct batch *b)
{
	size_t i;

	if (b->what != GET)
		for (i = 0; i < b->count; i++)
			b->bucket->other[b->keys[i]] =
			    b->what == PUT ? b->versions[i] : 0;
	for (b->done = 0; b->done < b->count;) {
		if (t->fd == -1 && (!goes_on(t) || !connect_once(t))) {
			if (!goes_on(t))
				return false;
			(void)usleep(POLL_US);
			continue;
		}
		if (!send_batch(t, b) || !take_replies(t, b)) {
			disconnect(t);
			if (!goes_on(t))
				return false;
		}
	}
	b->count = 0;
	return true;
}

static bool
add(struct try *t, struct batch *b, unsigned int key, unsigned int version)
{
	b->keys[b->count] = key;
	b->versions[b->count++] = version;
	return b->count < BATCH || run_batch(t, b);
}

static bool
read_keys(struct try *t, struct bucket_model *m)
{
	struct batch b = { .what = GET, .bucket = m };
	unsigned int i;

	for (i = 0; i < m->keys; i++)
		if (!add(t, &b, i, 0))
			return false;
	return run_batch(t, &b);
}

static bool
write_keys(struct try *t, struct bucket_model *m)
{
	struct batch b = { .what = PUT, .bucket = m };
	unsigned int i;

	for (i = 0; i < m->keys; i += 3)
		if (!add(t, &b, i, m->version[i] + 1))
			return false;
	if (!run_batch(t, &b))
		return false;
	b.what = DELETE;
	/* In one bucket so many that LMDB joins its pages. */
	for (i = 1; i < m->keys; i++)
		if (i % (strcmp(m->name, "middle") == 0 ? 2 : 41) == 1 &&
		    !add(t, &b, i, 0))
			return false;
	return run_batch(t, &b);
}

/* Listings */

static unsigned int
present(const struct bucket_model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->keys; i++)
		n += m->version[i] != 0;
	return n;
}

static bool
is_ambiguous(const struct bucket_model *m)
{
	unsigned int i;

	for (i = 0; i < m->keys; i++)
		if (m->version[i] != m->other[i])
			return true;
	return false;
}

/* Asks, and returns the number of data lines, the last of them, and the status;
 * NULL: there is a verdict. */
static const char *
ask(struct try *t, const char *command, const char *bucket, unsigned int *lines,
    unsigned int *last)
{
	char request[80], *line;

	(void)snprintf(request, sizeof(request), "%s %s\r\n", command, bucket);
	for (;;) {
		*lines = 0;
		while (t->fd == -1 && !connect_once(t)) {
			if (!goes_on(t))
				return NULL;
			(void)usleep(POLL_US);
		}
		if (send_all(t, request, strlen(request)))
			while ((line = read_line(t)) != NULL) {
				if (is_status(line) && !is_passing(line))
					return line;
				if (is_status(line))
					break;
				*last = (unsigned int)atoi(line);
				++*lines;
			}
		disconnect(t);
		if (!goes_on(t))
			return NULL;
	}
}

static bool
count_keys(struct try *t, struct bucket_model *m)
{
	unsigned int lines = 0, number = 0, want = present(m);
	size_t n = number_of(t, m);
	const char *status;
	int i;

	for (i = 0; i < 2; i++) {
		status =
		    ask(t, i == 0 ? "COUNT" : "KEYS", m->name, &lines, &number);
		if (status == NULL)
			return false;
		if (strcmp(status, "ERROR data damaged") == 0)
			t->refused[n]++;
		else if (strcmp(status, "OK") == 0)
			t->served[n]++;
		else
			judge(t, WRONG_VALUE, "%s %s: %s",
			    i == 0 ? "COUNT" : "KEYS", m->name, status);
		if (strcmp(status, "OK") == 0 && !is_ambiguous(m) &&
		    (i == 0 ? number : lines) != want)
			miss(t, "%s %s says %u, and not %u",
			    i == 0 ? "COUNT" : "KEYS", m->name,
			    i == 0 ? number : lines, want);
	}
	return true;
}

static bool
read_all(struct try *t)
{
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		if (!read_keys(t, &t->model->buckets[i]) ||
		    !count_keys(t, &t->model->buckets[i]))
			return false;
	return true;
}

static bool
write_all(struct try *t)
{
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		if (!write_keys(t, &t->model->buckets[i]))
			return false;
	return true;
}

static bool
checkpoint(struct try *t)
{
	unsigned int before = server_checkpoint(&t->server);

	while (server_checkpoints(&t->server) == before) {
		if (!goes_on(t))
			return false;
		(void)usleep(POLL_US);
	}
	return true;
}

static bool
start(struct try *t)
{
	server_start(&t->server);
	while (!connect_once(t)) {
		if (!goes_on(t))
			return false;
		(void)usleep(POLL_US);
	}
	return true;
}

static bool
stop(struct try *t)
{
	disconnect(t);
	if (server_stop(&t->server))
		return true;
	judge(t, HANGS, "kvd does not end");
	return false;
}

/* The second start begins with what the first has noticed. */
static void
use(struct try *t)
{
	if (start(t) && read_all(t) && write_all(t) && checkpoint(t) &&
	    write_all(t) && checkpoint(t) && read_all(t) && stop(t) && start(t))
		(void)read_all(t);
	(void)stop(t);
}

static void
conclude(struct try *t)
{
	struct outcome *o = t->outcome;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		if (t->refused[i] == 0)
			continue;
		o->damaged[i] = t->refused[i] > t->served[i] / 8;
		if (!o->damaged[i])
			o->entries += t->refused[i];
		judge(t, SERVED_IN_PART, "bucket %s",
		    t->model->buckets[i].name);
	}
	if (o->missing > 0 && o->verdict != REFUSED)
		judge(t,
		    server_check_finds(&t->server) ? MISSING_FOUND :
						     MISSING_SILENTLY,
		    "%u missing, first %s", o->missing, t->missing);
}

void
try_image(const struct try_options *options, struct model *model,
    struct outcome *outcome)
{
	struct try *t = calloc(1, sizeof(*t));
	int64_t start_ms = clock_ms();

	*outcome = (struct outcome){ .verdict = SERVED_WHOLE };
	if (t == NULL)
		return;
	t->model = model;
	t->outcome = outcome;
	t->server.options = options;
	t->deadline_ms = start_ms + TRY_MS;
	t->fd = -1;
	use(t);
	conclude(t);
	outcome->took_ms = clock_ms() - start_ms;
	free(t);
}
