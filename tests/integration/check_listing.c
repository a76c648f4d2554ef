/*
 * check_listing: BUCKETS, KEYS and ENTRIES over the wire: the lines, that they
 * show one moment, and how listings affect other clients.
 */

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "proto/format.h"
#include "stream.h"

#define B(text) text, sizeof(text) - 1

#define X15 "xxxxxxxxxxxxxxx"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 X15
#define X256 X255 "x"

#define UNKNOWN "UNKNOWN COMMAND\r\n"

/* This conversation has the same replies each time it is repeated. */
static const struct line {
	const char *request;
	const char *reply;
} lines[] = {
	{ "CREATE b\n", "OK\r\n" },
	{ "CREATE empty\n", "OK\r\n" },
	{ "PUT b cherry \"3 3\"\n", "OK\r\n" },
	{ "PUT b apple 1\n", "OK\r\n" },
	{ "PUT b banana \"\"\n", "OK\r\n" },
	{ "PUT b apricot OK\n", "OK\r\n" },

	{ "BUCKETS\n", "b\r\nempty\r\nOK\r\n" },
	{ "buckets\r\n", "b\r\nempty\r\nOK\r\n" },
	{ "BUCKETS PREFIX e\n", "empty\r\nOK\r\n" },
	{ "BUCKETS PREFIX x\n", "OK\r\n" },
	{ "BUCKETS AFTER b\n", "empty\r\nOK\r\n" },
	{ "BUCKETS AFTER a LIMIT 1\n", "b\r\nOK\r\n" },
	{ "KEYS b\n", "apple\r\napricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "ENTRIES b\n",
	    "apple 1\r\napricot OK\r\nbanana \"\"\r\ncherry \"3 3\"\r\n"
	    "OK\r\n" },
	{ "KEYS empty\n", "OK\r\n" },
	{ "ENTRIES empty\n", "OK\r\n" },
	{ "KEYS none\n", "NOT FOUND\r\n" },
	{ "ENTRIES none LIMIT 1\n", "NOT FOUND\r\n" },
	{ "KEYS B\n", "NOT FOUND\r\n" },

	{ "KEYS b PREFIX ap\n", "apple\r\napricot\r\nOK\r\n" },
	{ "KEYS b PREFIX apple\n", "apple\r\nOK\r\n" },
	{ "KEYS b PREFIX apples\n", "OK\r\n" },
	{ "KEYS b PREFIX \"\"\n",
	    "apple\r\napricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "KEYS b AFTER apple\n", "apricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "KEYS b AFTER appl\n",
	    "apple\r\napricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "KEYS b AFTER cherry\n", "OK\r\n" },
	{ "KEYS b AFTER zzz\n", "OK\r\n" },
	{ "KEYS b AFTER \"\" LIMIT 1\n", "apple\r\nOK\r\n" },
	{ "KEYS b LIMIT 1\n", "apple\r\nOK\r\n" },
	{ "KEYS b LIMIT 3\n", "apple\r\napricot\r\nbanana\r\nOK\r\n" },
	{ "KEYS b LIMIT 4\n",
	    "apple\r\napricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "KEYS b LIMIT 5\n",
	    "apple\r\napricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "KEYS b LIMIT 9223372036854775807\n",
	    "apple\r\napricot\r\nbanana\r\ncherry\r\nOK\r\n" },
	{ "keys b after apple limit 1 prefix ap\n", "apricot\r\nOK\r\n" },
	{ "KEYS b LIMIT 1 PREFIX a AFTER appl\n", "apple\r\nOK\r\n" },
	{ "KEYS b PREFIX b AFTER c\n", "OK\r\n" },
	{ "KEYS b PREFIX b AFTER a\n", "banana\r\nOK\r\n" },
	{ "ENTRIES b LIMIT 1 AFTER apricot\n", "banana \"\"\r\nOK\r\n" },

	{ "KEYS b PREFIX\n", UNKNOWN },
	{ "KEYS b PREFIX a LIMIT\n", UNKNOWN },
	{ "KEYS b PREFIX a PREFIX a\n", UNKNOWN },
	{ "KEYS b LIMIT 1 limit 1\n", UNKNOWN },
	{ "KEYS b REVERSE 1\n", UNKNOWN },
	{ "KEYS none REVERSE 1\n", UNKNOWN },
	{ "KEYS\n", UNKNOWN },
	{ "ENTRIES\n", UNKNOWN },
	{ "BUCKETS b\n", UNKNOWN },
	{ "KEYS b LIMIT 0\n", "ERROR out of range\r\n" },
	{ "KEYS b LIMIT -1\n", "ERROR out of range\r\n" },
	{ "KEYS b LIMIT 9223372036854775808\n", "ERROR out of range\r\n" },
	{ "KEYS b LIMIT x\n", "ERROR not a number\r\n" },
	{ "BUCKETS LIMIT 0\n", "ERROR out of range\r\n" },
	{ "KEYS \"\"\n", "ERROR bucket name empty\r\n" },
	{ "KEYS " X256 "\n", "ERROR bucket name too long\r\n" },
	{ "KEYS " X255 "\n", "NOT FOUND\r\n" },
	{ "KEYS b PREFIX " X256 "\n", "ERROR key too long\r\n" },
	{ "KEYS b AFTER " X256 "\n", "ERROR key too long\r\n" },
	{ "KEYS b PREFIX " X255 "\n", "OK\r\n" },
	{ "KEYS b AFTER " X255 "\n", "OK\r\n" },
	{ "BUCKETS PREFIX " X256 "\n", "ERROR bucket name too long\r\n" },
	{ "BUCKETS AFTER " X256 "\n", "ERROR bucket name too long\r\n" },

	/*
	 * a listing shows what was written just before it, and nothing that is
	 * written after it
	 */
	{ "PUT b date 4\n", "OK\r\n" },
	{ "KEYS b AFTER c\n", "cherry\r\ndate\r\nOK\r\n" },
	{ "DELETE b date\n", "OK\r\n" },
	{ "KEYS b AFTER c\n", "cherry\r\nOK\r\n" },
	{ "PUT b date 5\n", "OK\r\n" },
	{ "DELETE b cherry\n", "OK\r\n" },
	{ "ENTRIES b AFTER banana\n", "date 5\r\nOK\r\n" },
	{ "DELETE b date\n", "OK\r\n" },
	{ "ECHO x\n", "x\r\nOK\r\n" },
	{ "KEYS b PREFIX c\n", "OK\r\n" },
	{ "BEGIN\n", "OK\r\n" },
	{ "KEYS b\n", "ERROR cannot be queued\r\n" },
	{ "PUT b cherry 3\nCOMMIT\n", "QUEUED\r\nOK\r\nOK\r\n" },
	{ "KEYS b PREFIX c\n", "cherry\r\nOK\r\n" },
	{ "DROP empty\n", "OK\r\n" },
	{ "BUCKETS\n", "b\r\nOK\r\n" },
};

/*
 * Tests that send single bytes leave out the lines that are longer than this.
 */
#define SHORT_LINE 24

static struct server *server;

static void
start(const char *option)
{
	server = server_new();
	server_option(server, "sync never");
	if (option != NULL)
		server_option(server, "%s", option);
	listen_unix(server);
	server_run(server);
}

static void
setup(void)
{
	start(NULL);
}

/* The server ends a listing, and frees its snapshot, after this short time. */
#define LISTING_TIMEOUT_MS 300

static void
setup_impatient(void)
{
	start("listing-timeout 300ms");
}

/* The values are limited to the smallest size that can be configured. */
static void
setup_small(void)
{
	start("max-value 1");
}

/* The registry may be absent for long while it dies. */
static void
setup_patient(void)
{
	start("registry-timeout 60s");
}

static void
teardown(void)
{
	server_stop(server);
}

TEST(test_lines)
{
	int fd = client_connect(server);
	size_t i;

	for (i = 0; i < COUNT(lines); i++)
		client_ask(fd, lines[i].request, lines[i].reply);
	(void)close(fd);
}

/* All requests are sent in one write, among other commands. */
TEST(test_one_write)
{
	int fd = client_connect(server), round;
	struct buf out = { 0 }, want = { 0 };
	size_t i;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < COUNT(lines); i++) {
			buf_append_text(&out, lines[i].request);
			buf_append_text(&want, lines[i].reply);
		}
		exchange_bufs(fd, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

TEST(test_cut_anywhere)
{
	int fd = server_connect_unix(server);
	size_t ends[COUNT(lines)], heard[COUNT(lines) + 1] = { 0 }, n = 0, i;
	struct buf out = { 0 }, want = { 0 };
	size_t cut, size;

	for (i = 0; i < COUNT(lines); i++) {
		if (strlen(lines[i].request) > SHORT_LINE)
			continue;
		buf_append_text(&out, lines[i].request);
		buf_append_text(&want, lines[i].reply);
		ends[n++] = buf_size(&out);
		heard[n] = buf_size(&want);
	}
	size = buf_size(&out);
	for (cut = 1, i = 0; cut < size; cut++) {
		if (cut >= ends[i])
			i++;
		client_send(fd, buf_data(&out), cut);
		client_await_read(fd);
		/* The complete lines are answered before the rest has come. */
		client_expect(fd, buf_data(&want), heard[i]);
		client_exchange(fd, buf_data(&out) + cut, size - cut,
		    buf_data(&want) + heard[i], buf_size(&want) - heard[i]);
	}
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/*
 * The names have all bytes.  A listing must show what a model of the store has.
 */

#define NAMES 400
#define NAME_MAX_SIZE 255

static struct name {
	size_t size;
	uint8_t data[NAME_MAX_SIZE];
} names[NAMES];
static size_t n_names;

static struct bytes
name_bytes(const struct name *name)
{
	return (struct bytes){ name->data, name->size };
}

static int
compare_names(const void *a, const void *b)
{
	return bytes_compare(name_bytes(a), name_bytes(b));
}

/*
 * Makes a name, mostly of bytes that are the first or the last of a range, of
 * bytes or of characters.
 */
static void
draw_name(unsigned int *seed, struct name *name)
{
	static const uint8_t bytes[] = { 0, 1, '\n', ' ', '"', 'a', 'b', 0x7f,
		0x80, 0xc3, 0xfe, 0xff, 0xff };
	size_t i;

	name->size = draw(seed, 10) == 0 ? 1 + draw(seed, NAME_MAX_SIZE) :
					   1 + draw(seed, 4);
	for (i = 0; i < name->size; i++)
		name->data[i] = bytes[draw(seed, COUNT(bytes))];
}

static void
draw_names(unsigned int *seed)
{
	size_t i;

	for (i = 0; i < NAMES; i++)
		draw_name(seed, &names[i]);
	/* This name is the very last one in the order of bytes. */
	memset(names[0].data, 0xff, NAME_MAX_SIZE);
	names[0].size = NAME_MAX_SIZE;
	qsort(names, NAMES, sizeof(names[0]), compare_names);
	n_names = 1;
	for (i = 1; i < NAMES; i++)
		if (compare_names(&names[n_names - 1], &names[i]) != 0)
			names[n_names++] = names[i];
}

static void
add_name(struct buf *out, const struct name *name)
{
	size_t i;

	buf_append_text(out, " \"");
	for (i = 0; i < name->size; i++)
		add(out, "\\x%02x", name->data[i]);
	buf_append_text(out, "\"");
}

struct query {
	bool prefixed, after, limited;
	struct name prefix, start;
	unsigned int limit;
};

static void
draw_query(unsigned int *seed, struct query *q)
{
	memset(q, 0, sizeof(*q));
	if ((q->prefixed = draw(seed, 2) == 0)) {
		if (draw(seed, 4) == 0)
			draw_name(seed, &q->prefix);
		else
			q->prefix = names[draw(seed, (unsigned int)n_names)];
		q->prefix.size = draw(seed, (unsigned int)q->prefix.size + 1);
	}
	if ((q->after = draw(seed, 2) == 0)) {
		if (draw(seed, 4) == 0)
			draw_name(seed, &q->start);
		else
			q->start = names[draw(seed, (unsigned int)n_names)];
	}
	if ((q->limited = draw(seed, 2) == 0))
		q->limit = 1 + draw(seed, 20);
}

static bool
matches(const struct query *q, const struct name *name)
{
	if (!bytes_begin_with(name_bytes(name), name_bytes(&q->prefix)))
		return false;
	return !q->after || compare_names(name, &q->start) > 0;
}

static void
add_query(const struct query *q, const char *command, struct buf *out,
    struct buf *want)
{
	bool entries = strncmp(command, "ENTRIES", 7) == 0;
	struct bytes words[2] = { [1] = { "v", 1 } };
	unsigned int n = 0;
	size_t i;

	add(out, "%s", command);
	if (q->prefixed) {
		add(out, " PREFIX");
		add_name(out, &q->prefix);
	}
	if (q->after) {
		add(out, " AFTER");
		add_name(out, &q->start);
	}
	if (q->limited)
		add(out, " LIMIT %u", q->limit);
	add(out, "\n");
	for (i = 0; i < n_names && (!q->limited || n < q->limit); i++) {
		if (!matches(q, &names[i]))
			continue;
		words[0] = name_bytes(&names[i]);
		format_line(want, words, entries ? 2 : 1);
		n++;
	}
	add(want, "OK\r\n");
}

/* Puts the names in a scattered order. */
static void
put_names(int fd, unsigned int *seed, const char *command, const char *rest)
{
	struct buf out = { 0 }, want = { 0 };
	size_t i, first = draw(seed, (unsigned int)n_names);

	for (i = 0; i < n_names; i++) {
		add(&out, "%s", command);
		/* 401 is a prime that does not divide their number. */
		add_name(&out, &names[(first + i * 401) % n_names]);
		add(&out, "%s\n", rest);
		add(&want, "OK\r\n");
	}
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
}

static const char *const model_commands[] = { "KEYS b", "ENTRIES b",
	"BUCKETS" };

#define QUERIES 300

static void
run_model(const char *command, unsigned int seed)
{
	int fd = client_connect(server), i;
	struct buf out = { 0 }, want = { 0 };
	struct query q;

	draw_names(&seed);
	if (strcmp(command, "BUCKETS") == 0)
		put_names(fd, &seed, "CREATE", "");
	else {
		client_ask(fd, "CREATE b\n", "OK\r\n");
		put_names(fd, &seed, "PUT b", " v");
	}
	memset(&q, 0, sizeof(q));
	add_query(&q, command, &out, &want);
	for (i = 0; i < QUERIES; i++) {
		draw_query(&seed, &q);
		add_query(&q, command, &out, &want);
	}
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

TEST(test_model)
{
	unsigned int seed = (unsigned int)(getpid() + now_ms());

	printf("seed %u\n", seed);
	run_model(model_commands[_i], seed);
}

/* Even if the values are limited to the smallest size, names may be long. */
TEST(test_small_values)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE " X255 "\nPUT " X255 " " X255 " v\n",
	    "OK\r\nOK\r\n");
	client_ask(fd, "KEYS " X255 " PREFIX " X255 " AFTER " X64 "\n",
	    X255 "\r\nOK\r\n");
	client_ask(fd, "ENTRIES " X255 " PREFIX " X255 " AFTER " X255 "\n",
	    "OK\r\n");
	(void)close(fd);
}

#define LARGE_VALUE ((size_t)1 << 20)

/* A line may be far larger than a page. */
TEST(test_large_values)
{
	int fd = client_connect(server), i;
	struct buf out = { 0 }, want = { 0 }, list = { 0 };
	char *value = malloc(LARGE_VALUE);

	ck_assert_ptr_nonnull(value);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < 5; i++) {
		memset(value, 'a' + i, LARGE_VALUE);
		add(&out, "PUT b k%d ", i);
		buf_append(&out, value, LARGE_VALUE);
		add(&out, "\nPUT b k%ds small\n", i);
		add(&want, "OK\r\nOK\r\n");
		add(&list, "k%d ", i);
		buf_append(&list, value, LARGE_VALUE);
		add(&list, "\r\nk%ds small\r\n", i);
		exchange_bufs(fd, &out, &want);
	}
	add(&list, "OK\r\n");
	client_exchange(fd, "ENTRIES b\n", 10, buf_data(&list),
	    buf_size(&list));
	client_ask(fd, "KEYS b LIMIT 3\n", "k0\r\nk0s\r\nk1\r\nOK\r\n");
	free(value);
	buf_clear(&out);
	buf_clear(&want);
	buf_clear(&list);
	(void)close(fd);
}

/*
 * There are many keys.  Most stay the same, and some change in a way that each
 * moment shows: the last key always has the value of the first.
 */

#define MANY_KEYS 200000
#define VALUE_SIZE 60
#define FIRST_KEY "a"
#define LAST_KEY "z"

/* KVD_TEST_KEYS=1000000 makes a longer test. */
static unsigned int
many_keys(void)
{
	const char *text = getenv("KVD_TEST_KEYS");

	if (text != NULL)
		return (unsigned int)strtoul(text, NULL, 10);
	return is_sanitized() ? MANY_KEYS / 4 : MANY_KEYS;
}

/* Puts keys in order, and appends what ENTRIES shows of them. */
static void
load(unsigned int n, struct buf *list)
{
	struct buf out = { 0 }, want = { 0 };
	char value[VALUE_SIZE + 1];
	int fd = client_connect(server);
	unsigned int i;

	memset(value, 'v', VALUE_SIZE);
	value[VALUE_SIZE] = '\0';
	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < n; i++) {
		add(&out, "PUT b k%07u %s\n", i, value);
		add(&want, "OK\r\n");
		add(list, "k%07u %s\r\n", i, value);
		if (buf_size(&out) > 256 * 1024 || i == n - 1)
			exchange_bufs(fd, &out, &want);
	}
	ck_assert(!buf_failed(list));
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* Changes the first key and the last one; adds a key, and deletes another. */
static void
write_pairs(struct job *job, int fd)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned long value = 0;
	unsigned int n;

	while (!job->stop) {
		for (n = 1 + draw(&job->seed, 10); n > 0; n--) {
			value++;
			add(&out, "BEGIN\nPUT b " FIRST_KEY "%u %lu\n", job->id,
			    value);
			add(&out, "PUT b " LAST_KEY "%u %lu\n", job->id, value);
			add(&out, "PUT b m%u.%lu x\n", job->id, value);
			add(&out, "DELETE b m%u.%lu\nCOMMIT\n", job->id,
			    value - 1);
			add(&want,
			    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
			    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
		}
		if (!job_exchange(job, fd, &out, &want))
			return;
		job->done++;
	}
}

#define WRITERS 2

/* This is what one listing has shown of the keys that change. */
struct moment {
	unsigned long first[WRITERS], last[WRITERS];
	unsigned int moving[WRITERS];
};

/* Parses a line such as "a1 7": the number of the writer, and the value. */
static unsigned long
parse_pair(const char *line, unsigned int *writer)
{
	unsigned long value;

	ck_assert_msg(sscanf(line + 1, "%u %lu", writer, &value) == 2, "%s",
	    line);
	ck_assert_uint_lt(*writer, WRITERS);
	return value;
}

static void
note_line(struct moment *moment, const char *line)
{
	unsigned int writer;
	unsigned long value;

	if (line[0] == 'm') {
		writer = (unsigned int)(line[1] - '0');
		ck_assert_uint_lt(writer, WRITERS);
		moment->moving[writer]++;
		return;
	}
	value = parse_pair(line, &writer);
	if (line[0] == 'a')
		moment->first[writer] = value;
	else
		moment->last[writer] = value;
}

static void
check_moment(const struct moment *moment)
{
	unsigned int i;

	for (i = 0; i < WRITERS; i++) {
		ck_assert_uint_ge(moment->first[i], 1);
		ck_assert_uint_eq(moment->first[i], moment->last[i]);
		ck_assert_uint_eq(moment->moving[i], 1);
	}
}

/*
 * Reads up to this many lines of ENTRIES; returns false at the end of the list.
 */
static bool
read_some(struct stream *s, unsigned int *n, unsigned int max,
    struct moment *moment)
{
	char want[16];
	char *line;

	while (max-- > 0) {
		line = stream_line(s);
		if (strcmp(line, "OK") == 0)
			return false;
		if (line[0] != 'k') {
			note_line(moment, line);
			continue;
		}
		snprintf(want, sizeof(want), "k%07u ", *n);
		ck_assert_msg(strncmp(line, want, 9) == 0 &&
			strlen(line) == 9 + VALUE_SIZE,
		    "%s after %u", line, *n);
		(*n)++;
	}
	return true;
}

/* Reads a whole listing as fast as it can. */
static void
read_whole(int fd, unsigned int keys)
{
	struct moment moment = { 0 };
	struct stream s;
	unsigned int n = 0;

	stream_init(&s, fd);
	client_say(fd, "ENTRIES b\n");
	while (read_some(&s, &n, UINT_MAX, &moment))
		;
	ck_assert_uint_eq(n, keys);
	check_moment(&moment);
	buf_clear(&s.in);
}

/* Waits until this many snapshots are held. */
static void
await_pins(int fd, unsigned int want)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct stream s;
	unsigned int pins;
	char *line;

	for (;;) {
		pins = UINT_MAX;
		stream_init(&s, fd);
		client_say(fd, "STATS\n");
		while (strcmp(line = stream_line(&s), "OK") != 0)
			(void)sscanf(line, "pins %u", &pins);
		buf_clear(&s.in);
		if (pins == want)
			return;
		pause_until(deadline_ms, "snapshots are held");
	}
}

/* By how much a process may grow; the whole listing takes more than twice as
 * much. */
#define GROWTH_MAX_KIB 8192

static void
expect_modest(pid_t pid, long before_kib)
{
	long kib = process_private_kib(pid);

	if (!is_sanitized())
		ck_assert_msg(kib <= before_kib + GROWTH_MAX_KIB,
		    "process %ld has %ld KiB, before it had %ld", (long)pid,
		    kib, before_kib);
}

TEST(test_many_keys)
{
	struct job *jobs = jobs_new(WRITERS);
	unsigned int keys = many_keys(), n = 0;
	int fast = client_connect(server), slow = client_connect(server);
	pid_t registry = server_pid(server, "registry"), worker;
	struct moment moment = { 0 };
	struct buf list = { 0 };
	struct stream s;
	long registry_kib, worker_kib;
	int64_t start_ms, took_ms;

	load(keys, &list);
	buf_clear(&list);
	jobs_start(jobs, WRITERS, server, write_pairs);
	jobs_await(jobs, WRITERS, 5);
	worker = server_worker(server, slow);
	worker_kib = process_private_kib(worker);
	stream_init(&s, slow);
	client_say(slow, "ENTRIES b\n");
	ck_assert(read_some(&s, &n, 10, &moment));
	/* Meanwhile other clients list and write. */
	start_ms = now_ms();
	read_whole(fast, keys);
	took_ms = now_ms() - start_ms;
	jobs_await(jobs, WRITERS, 50);
	expect_modest(worker, worker_kib);
	while (read_some(&s, &n, keys / 10, &moment)) {
		jobs_await(jobs, WRITERS, 3);
		expect_modest(worker, worker_kib);
	}
	ck_assert_uint_eq(n, keys);
	check_moment(&moment);
	jobs_stop(jobs, WRITERS);
	jobs_free(jobs, WRITERS);
	/* What is written is in the log, and so in the registry's memory.  Now
	 * nothing is. */
	registry_kib = process_private_kib(registry);
	n = 0;
	client_say(slow, "ENTRIES b\n");
	ck_assert(read_some(&s, &n, 10, &moment));
	read_whole(fast, keys);
	expect_modest(registry, registry_kib);
	while (read_some(&s, &n, keys, &moment))
		;
	await_pins(fast, 0);
	printf("%u entries listed in %ld ms while others write\n", keys,
	    (long)took_ms);
	stream_clear(&s);
	(void)close(fast);
}

/* A listing delays no other client, whether it reads or writes. */
TEST(test_not_held_up)
{
	int lister = client_connect(server), fd = client_connect(server);
	struct buf list = { 0 };
	struct exchange x;
	int64_t start_ms, longest_ms = 0;
	struct stream s;
	unsigned int n = 0;

	load(many_keys() / 2, &list);
	stream_init(&s, lister);
	client_say(lister, "ENTRIES b\n");
	while (n < many_keys() / 2) {
		while (n < many_keys() / 2 && stream_try(&s) != NULL)
			n++;
		start_ms = now_ms();
		x = (struct exchange){ .out = "PUT b z 1\nGET b z\n",
			.out_size = 18,
			.want = "OK\r\n1\r\nOK\r\n",
			.want_size = 11 };
		ck_assert_int_eq(exchange_run(fd, &x), EXCHANGE_OK);
		if (now_ms() - start_ms > longest_ms)
			longest_ms = now_ms() - start_ms;
	}
	printf("a command took %ld ms at most\n", (long)longest_ms);
	/* Hundreds of these requests are sent during one listing. */
	ck_assert_int_lt(longest_ms, 2000);
	buf_clear(&list);
	stream_clear(&s);
	(void)close(fd);
}

/* This many entries are far more than a Unix socket takes, and than a page. */
#define STALLED_KEYS 20000

/* Starts a listing, and reads only its first line. */
static int
stall(const char *first)
{
	int fd = server_connect_unix(server);

	client_say(fd, "ENTRIES b\n");
	client_hear(fd, first);
	return fd;
}

/* Reads the rest of a stalled listing, up to its status. */
static void
hear_rest(int fd, const struct buf *list, size_t heard)
{
	client_exchange(fd, NULL, 0, buf_data(list) + heard,
	    buf_size(list) - heard);
	client_hear(fd, "OK\r\n");
}

/*
 * Reads lines that match the list until a status comes; returns how many bytes
 * came before it.
 */
static size_t
hear_until_lost(int fd, const struct buf *list, size_t heard, char *last,
    size_t size)
{
	struct stream s;
	char *line, *end;

	stream_init(&s, fd);
	for (;;) {
		line = stream_line(&s);
		if (strcmp(line, "ERROR snapshot lost") == 0)
			break;
		ck_assert_uint_le(heard + strlen(line) + 2, buf_size(list));
		ck_assert_int_eq(
		    memcmp(line, buf_data(list) + heard, strlen(line)), 0);
		heard += strlen(line) + 2;
		ck_assert_ptr_nonnull(end = strchr(line, ' '));
		snprintf(last, size, "%.*s", (int)(end - line), line);
	}
	ck_assert_uint_eq(buf_size(&s.in), s.line_size);
	buf_clear(&s.in);
	return heard;
}

/* Lists AFTER the last key that came, which continues the listing. */
static void
go_on_after(int fd, const struct buf *list, size_t heard, const char *last)
{
	char request[2 * LINE_SIZE];

	snprintf(request, sizeof(request), "ENTRIES b AFTER %s\n", last);
	client_say(fd, request);
	hear_rest(fd, list, heard);
}

static size_t
first_line(const struct buf *list, char line[LINE_SIZE])
{
	size_t size =
	    (size_t)((uint8_t *)memchr(buf_data(list), '\n', buf_size(list)) -
		buf_data(list)) +
	    1;

	ck_assert_uint_lt(size, LINE_SIZE);
	memcpy(line, buf_data(list), size);
	line[size] = '\0';
	return size;
}

/*
 * If nothing was committed, the listing continues after the registry's death.
 */
TEST(test_registry_killed)
{
	struct buf list = { 0 };
	char line[LINE_SIZE];
	size_t heard;
	int fd, i;

	load(STALLED_KEYS, &list);
	heard = first_line(&list, line);
	for (i = 0; i < 3; i++) {
		fd = stall(line);
		process_kill(server_pid(server, "registry"));
		hear_rest(fd, &list, heard);
		client_ask(fd, "KEYS b LIMIT 1\n", "k0000000\r\nOK\r\n");
		(void)close(fd);
	}
	buf_clear(&list);
}

TEST(test_registry_killed_changed)
{
	int other = client_connect(server), fd;
	char line[LINE_SIZE], last[LINE_SIZE];
	struct buf list = { 0 };
	pid_t worker;
	size_t heard;

	load(STALLED_KEYS, &list);
	heard = first_line(&list, line);
	fd = stall(line);
	/* The worker must not request a page before there is a change. */
	worker = server_worker_unix(server);
	ck_assert_int_eq(kill(worker, SIGSTOP), 0);
	process_kill(server_pid(server, "registry"));
	client_ask(other, "PUT b a 1\n", "OK\r\n");
	ck_assert_int_eq(kill(worker, SIGCONT), 0);
	heard = hear_until_lost(fd, &list, heard, last, sizeof(last));
	ck_assert_uint_lt(heard, buf_size(&list));
	go_on_after(fd, &list, heard, last);
	(void)close(fd);
	(void)close(other);
	buf_clear(&list);
}

/*
 * While the registry is killed again and again, each listing is either whole or
 * lost.
 */
TEST(test_registry_killed_often)
{
	struct stream s;
	struct buf list = { 0 };
	int i, lost = 0;
	char *line, request[64] = "ENTRIES b\n";
	struct job *jobs = jobs_new(WRITERS);
	unsigned int n;

	load(STALLED_KEYS, &list);
	buf_clear(&list);
	jobs_start(jobs, WRITERS, server, write_pairs);
	stream_init(&s, server_connect_unix(server));
	for (i = 0; i < 3; i++) {
		client_say(s.fd, request);
		process_kill(server_pid(server, "registry"));
		for (n = 0; (line = stream_line(&s)), line[0] != 'O'; n++)
			if (strncmp(line, "ERROR", 5) == 0) {
				ck_assert_str_eq(line, "ERROR snapshot lost");
				lost++;
				break;
			}
		if (line[0] == 'O')
			ck_assert_uint_ge(n, STALLED_KEYS);
		stream_hear((client_say(s.fd, "ECHO next\n"), &s), "next");
		stream_hear(&s, "OK");
	}
	jobs_stop(jobs, WRITERS);
	jobs_free(jobs, WRITERS);
	printf("%d of %d lost\n", lost, i);
	stream_clear(&s);
}

/* Sleeps: the test needs time to pass, and no event shows that it has. */
static void
let_pass(int64_t ms)
{
	int64_t end_ms = now_ms() + ms;

	while (now_ms() < end_ms)
		pause_until(end_ms + WAIT_MS, "");
}

TEST(test_listing_timeout)
{
	int other = client_connect(server), fd = -1, i;
	char line[LINE_SIZE], last[LINE_SIZE];
	struct buf list = { 0 };
	size_t heard;

	load(STALLED_KEYS, &list);
	/* If the data does not change meanwhile, the listing is not lost. */
	heard = first_line(&list, line);
	fd = stall(line);
	let_pass(2 * LISTING_TIMEOUT_MS);
	hear_rest(fd, &list, heard);
	(void)close(fd);
	for (i = 0; i < 2; i++) {
		heard = first_line(&list, line);
		fd = stall(line);
		let_pass(2 * LISTING_TIMEOUT_MS);
		client_ask(other, "PUT b a 1\nDELETE b a\n", "OK\r\nOK\r\n");
		heard = hear_until_lost(fd, &list, heard, last, sizeof(last));
		ck_assert_uint_lt(heard, buf_size(&list));
		go_on_after(fd, &list, heard, last);
		(void)close(fd);
	}
	(void)close(other);
	buf_clear(&list);
}

/* Writes the same keys of another bucket again and again. */
static void
rewrite(int fd, unsigned int times)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned int i, n;

	for (n = 0; n < times; n++) {
		/* The keys are on pages all over the store. */
		for (i = 0; i < 500; i++) {
			add(&out, "PUT c k%07u %u\n",
			    (i * 7919 + n) % STALLED_KEYS, n);
			add(&want, "OK\r\n");
		}
		exchange_bufs(fd, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
}

#define REWRITES 100

/*
 * The store grows while a snapshot is held.  It stops growing when the snapshot
 * was released, because of its age, or because the client or worker has gone.
 */
static void
check_growth(void release(int fd))
{
	int writer = client_connect(server), fd;
	struct buf list = { 0 };
	char line[LINE_SIZE];
	long before_kib, held_kib, after_kib;

	load(STALLED_KEYS, &list);
	(void)first_line(&list, line);
	client_ask(writer, "CREATE c\n", "OK\r\n");
	rewrite(writer, REWRITES);
	before_kib = store_kib(server);
	fd = stall(line);
	await_pins(writer, 1);
	rewrite(writer, 10);
	release(fd);
	await_pins(writer, 0);
	/* The store reuses the pages that have become free. */
	rewrite(writer, 10);
	held_kib = store_kib(server);
	rewrite(writer, REWRITES);
	after_kib = store_kib(server);
	printf("the store takes %ld, %ld, %ld KiB\n", before_kib, held_kib,
	    after_kib);
	/*
	 * If the snapshot were still held, REWRITES would take 100 MiB or more.
	 */
	ck_assert_int_le(after_kib, held_kib + 8192);
	buf_clear(&list);
	(void)close(writer);
}

static int stalled_fd = -1;

static void
release_in_time(int fd)
{
	stalled_fd = fd;
}

TEST(test_growth_timeout)
{
	check_growth(release_in_time);
	(void)close(stalled_fd);
}

static void
release_by_close(int fd)
{
	(void)close(fd);
}

TEST(test_growth_hang_up)
{
	check_growth(release_by_close);
}

static void
release_by_kill(int fd)
{
	process_kill(server_worker_unix(server));
	(void)close(fd);
}

TEST(test_growth_kill)
{
	check_growth(release_by_kill);
}

/* A dropped bucket is in the listings that had begun, and in no other. */
TEST(test_dropped)
{
	int other = client_connect(server), fd;
	struct buf list = { 0 };
	char line[LINE_SIZE];
	size_t heard;

	load(STALLED_KEYS, &list);
	heard = first_line(&list, line);
	fd = stall(line);
	client_ask(other, "DROP b\nKEYS b\nBUCKETS\n",
	    "OK\r\nNOT FOUND\r\nOK\r\n");
	client_ask(other, "CREATE b\nPUT b k 1\nENTRIES b\n",
	    "OK\r\nOK\r\nk 1\r\nOK\r\n");
	hear_rest(fd, &list, heard);
	client_ask(fd, "ENTRIES b\n", "k 1\r\nOK\r\n");
	await_pins(other, 0);
	(void)close(fd);
	(void)close(other);
	buf_clear(&list);
}

/* This many different snapshots can be held at a time. */
#define LISTINGS_MAX 128

TEST(test_too_many)
{
	int fds[LISTINGS_MAX], writer = client_connect(server), fd, same;
	char line[LINE_SIZE], request[64];
	struct buf list = { 0 };
	size_t heard, i;

	load(STALLED_KEYS, &list);
	heard = first_line(&list, line);
	for (i = 0; i < LISTINGS_MAX; i++) {
		fds[i] = stall(line);
		snprintf(request, sizeof(request), "PUT b z %zu\n", i);
		client_ask(writer, request, "OK\r\n");
	}
	fd = server_connect_unix(server);
	client_ask(fd, "KEYS b\n", "ERROR too many listings\r\n");
	client_ask(fd, "ECHO x\nBUCKETS\n",
	    "x\r\nOK\r\nERROR too many listings\r\n");
	client_ask(fd, "GET b z\n", "127\r\nOK\r\n");
	/*
	 * When one listing has ended there is room for a new snapshot, which
	 * several listings can share.
	 */
	hear_rest(fds[0], &list, heard);
	client_ask(fd, "BUCKETS\n", "b\r\nOK\r\n");
	(void)close(fds[0]);
	fds[0] = stall(line);
	same = stall(line);
	client_ask(fd, "KEYS b LIMIT 1\n", "k0000000\r\nOK\r\n");
	client_ask(writer, "PUT b z 128\n", "OK\r\n");
	client_ask(fd, "BUCKETS\n", "ERROR too many listings\r\n");
	for (i = 0; i < LISTINGS_MAX; i++)
		(void)close(fds[i]);
	(void)close(same);
	(void)close(fd);
	(void)close(writer);
	buf_clear(&list);
}

/* kvd is stopped during a listing. */
TEST(test_stop)
{
	struct server *s = server_new();
	struct buf list = { 0 };
	char line[LINE_SIZE];
	int fd;

	server_option(s, "sync never");
	server_option(s, "shutdown-timeout 500ms");
	listen_unix(s);
	server_run(s);
	server = s;
	load(STALLED_KEYS, &list);
	(void)first_line(&list, line);
	fd = stall(line);
	server_stop(s);
	(void)close(fd);
	buf_clear(&list);
}

static const struct test tests[] = {
	CASE("listing", setup, teardown),
	ONCE(test_lines),
	ONCE(test_one_write),
	ONCE(test_cut_anywhere),
	EACH(test_model, model_commands),
	ONCE(test_large_values),
	ONCE(test_many_keys),
	ONCE(test_not_held_up),
	ONCE(test_dropped),
	ONCE(test_too_many),
	ONCE(test_growth_hang_up),
	ONCE(test_growth_kill),
	CASE("small", setup_small, teardown),
	ONCE(test_small_values),
	CASE("impatient", setup_impatient, teardown),
	ONCE(test_listing_timeout),
	ONCE(test_growth_timeout),
	CASE("failure", setup_patient, teardown),
	ONCE(test_registry_killed),
	ONCE(test_registry_killed_changed),
	ONCE(test_registry_killed_often),
	CASE("stop", NULL, NULL),
	ONCE(test_stop),
};

SUITE("listing", tests)
