/*
 * check_examples: the sessions in the manual of the protocol are right.  A
 * literal display whose lines begin with "C:" and "S:", or with numbers for
 * several clients, is replayed with a kvd of its own.  An example with a
 * command that the server does not have is skipped, and reported.
 */

#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include "common/buf.h"
#include "fixture.h"
#include "proto/command.h"
#include "proto/words.h"

#define EXAMPLES_MAX 64
#define LINES_MAX 64
#define CLIENTS_MAX 4
#define TEXT_MAX 256
/* A time to live may be this many seconds less than the manual says. */
#define TTL_SLACK 60
/* A client that speaks another protocol gets this reply. */
#define REFUSAL "HTTP/1.1 400"

struct line {
	bool request; /* true: a request; false: a line of a reply */
	size_t client;
	char text[TEXT_MAX];
};

struct example {
	int number; /* number of its first line in the manual page */
	size_t n;
	struct line lines[LINES_MAX];
};

static struct example examples[EXAMPLES_MAX];
static size_t n_examples;

/* Reading the page */

/* Removes the mdoc(7) markup that occurs in literal displays. */
static void
unescape(const char *from, char *to)
{
	size_t n = 0;

	for (; *from != '\0' && *from != '\n'; from++) {
		if (n == TEXT_MAX - 1)
			errx(1, "line too long: %s", from);
		to[n++] = *from;
		/* In mdoc(7) \e is a backslash. */
		if (*from == '\\' && *++from != 'e')
			errx(1, "unknown escape: \\%s", from);
	}
	to[n] = '\0';
}

/* Parses "C: request" and "S: line", or with several clients "C2: request". */
static bool
parse_line(const char *text, struct line *line)
{
	if (text[0] != 'C' && text[0] != 'S')
		return false;
	line->request = text[0] == 'C';
	line->client = 0;
	if (isdigit((unsigned char)*++text))
		line->client = (size_t)(*text++ - '1');
	if (*text != ':' || line->client >= CLIENTS_MAX)
		return false;
	text++;
	unescape(*text == ' ' ? text + 1 : text, line->text);
	return true;
}

static void
read_display(FILE *page, int *number)
{
	struct example *e = &examples[n_examples];
	char text[4 * TEXT_MAX];

	e->number = *number + 1;
	while (fgets(text, sizeof(text), page) != NULL) {
		(*number)++;
		if (strcmp(text, ".Ed\n") == 0)
			break;
		if (e->n == LINES_MAX)
			errx(1, "line %d: the example is too long", *number);
		if (parse_line(text, &e->lines[e->n]))
			e->n++;
		else if (e->n > 0)
			errx(1, "line %d: no line of a session", *number);
	}
	if (e->n > 0 && ++n_examples == EXAMPLES_MAX)
		errx(1, "too many examples");
}

static void
read_page(void)
{
	const char *dir = getenv("srcdir");
	char path[4096], text[4 * TEXT_MAX];
	int number = 0;
	FILE *page;

	snprintf(path, sizeof(path), "%s/man/kvd_protocol.7",
	    dir == NULL ? "." : dir);
	if ((page = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	while (fgets(text, sizeof(text), page) != NULL) {
		number++;
		if (strncmp(text, ".Bd -literal", 12) == 0)
			read_display(page, &number);
	}
	(void)fclose(page);
	if (n_examples == 0)
		errx(1, "%s: no examples", path);
}

/* Having a session */

static bool
is_request(const struct line *line, const char *command)
{
	size_t size = strlen(command);

	return line->request && strncmp(line->text, command, size) == 0 &&
	    (line->text[size] == ' ' || line->text[size] == '\0');
}

static bool
is_known(const char *request)
{
	char line[TEXT_MAX];
	struct buf words;
	bool known;

	(void)strlcpy(line, request, sizeof(line));
	buf_init(&words);
	known =
	    words_split((uint8_t *)line, strlen(line), &words) != WORDS_OK ||
	    command_find(words_get(&words), words_count(&words)) != NULL;
	buf_clear(&words);
	return known;
}

/* Returns the first request whose command is missing in the server. */
static const char *
find_unknown(const struct example *e)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (!e->lines[i].request || is_known(e->lines[i].text))
			continue;
		if (i + 1 < e->n &&
		    strcmp(e->lines[i + 1].text, "UNKNOWN COMMAND") == 0)
			continue;
		return e->lines[i].text;
	}
	return NULL;
}

static bool
is_close(const char *got, const char *want)
{
	char *end;
	long is, was;

	is = strtol(got, &end, 10);
	if (end == got || *end != '\0')
		return false;
	was = strtol(want, &end, 10);
	return end != want && *end == '\0' && is <= was &&
	    is >= was - TTL_SLACK;
}

/* A line of STATS matches if the name is the same; the number, or the version,
 * may differ. */
static bool
is_same_stat(const char *got, const char *want)
{
	size_t name = strcspn(want, " ");
	char *end;

	if (strncmp(got, want, name) != 0 || got[name] != ' ')
		return false;
	if (strncmp(want, "version ", 8) == 0)
		return true;
	(void)strtoull(got + name + 1, &end, 10);
	return end != got + name + 1 && *end == '\0';
}

/*
 * Returns whether the line that came matches the line of the manual, which may
 * differ from it.
 */
typedef bool like_function(const char *got, const char *want);

static like_function *
choose_like(const struct line *request)
{
	if (is_request(request, "TTL"))
		return is_close;
	return is_request(request, "STATS") ? is_same_stat : NULL;
}

static void
expect_line(const struct example *e, size_t i, int fd, like_function *like)
{
	const char *want = e->lines[i].text;
	char got[LINE_SIZE];
	size_t size;

	client_read_line(fd, got);
	size = strlen(got);
	ck_assert_msg(size >= 2 && strcmp(got + size - 2, "\r\n") == 0,
	    "line %d: \"%s\" has no end", e->number + (int)i, got);
	got[size - 2] = '\0';
	ck_assert_msg(strcmp(got, want) == 0 ||
		(like != NULL && like(got, want)),
	    "line %d: \"%s\" came, where \"%s\" was to", e->number + (int)i,
	    got, want);
}

/* Sends consecutive requests in one write. */
static size_t
send_requests(const struct example *e, size_t i, int fd)
{
	size_t client = e->lines[i].client;
	struct buf out;

	buf_init(&out);
	while (
	    i < e->n && e->lines[i].request && e->lines[i].client == client) {
		buf_append_text(&out, e->lines[i++].text);
		buf_append_text(&out, "\r\n");
	}
	ck_assert(!buf_failed(&out));
	client_send(fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	return i;
}

/* Checks that no further data has come. */
static void
finish(int fd, bool ended)
{
	if (ended) {
		client_expect_end(fd);
		return;
	}
	client_ask(fd, "ECHO end\n", "end\r\nOK\r\n");
	(void)close(fd);
}

static void
run(const struct server *server, const struct example *e)
{
	int fds[CLIENTS_MAX] = { 0 };
	bool ended[CLIENTS_MAX] = { false };
	like_function *like = NULL;
	size_t i = 0, client;

	while (i < e->n) {
		client = e->lines[i].client;
		if (fds[client] == 0)
			fds[client] = client_connect(server);
		if (!e->lines[i].request) {
			if (strncmp(e->lines[i].text, REFUSAL,
				strlen(REFUSAL)) == 0)
				ended[client] = true;
			expect_line(e, i++, fds[client], like);
			continue;
		}
		i = send_requests(e, i, fds[client]);
		ended[client] = is_request(&e->lines[i - 1], "QUIT");
		like = choose_like(&e->lines[i - 1]);
	}
	for (client = 0; client < CLIENTS_MAX; client++)
		if (fds[client] != 0)
			finish(fds[client], ended[client]);
}

TEST(test_example)
{
	const struct example *e = &examples[_i];
	const char *unknown = find_unknown(e);
	struct server *server;

	if (unknown != NULL) {
		printf("the example in line %d is skipped: \"%s\"\n", e->number,
		    unknown);
		return;
	}
	server = server_start(NULL);
	run(server, e);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	struct test tests[] = {
		CASE("examples", NULL, NULL),
		LOOP(test_example, 0),
	};

	read_page();
	tests[1].end = (int)n_examples;
	return suite_run("examples", tests, COUNT(tests), argc, argv);
}
