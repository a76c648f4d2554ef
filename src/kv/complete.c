/*
 * complete: candidates for a word at the prompt.
 */

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "kv/complete.h"
#include "kv/kv.h"
#include "proto/format.h"

/* A person waits for it. */
#define COMPLETE_TIMEOUT_MS 1000
/* More than anybody wants to see. */
#define COMPLETE_LIMIT "200"

/* What the protocol has; those with a bucket as the first argument. */
static const struct {
	const char *word;
	bool bucket;
} words[] = {
	{ "ABORT", false },
	{ "ADD", true },
	{ "BEGIN", false },
	{ "BUCKETS", false },
	{ "CAS", true },
	{ "COMMIT", false },
	{ "COUNT", true },
	{ "CREATE", true },
	{ "DELETE", true },
	{ "DROP", true },
	{ "ECHO", false },
	{ "ENTRIES", true },
	{ "EXISTS", true },
	{ "EXPIRE", true },
	{ "GET", true },
	{ "HELP", false },
	{ "INCR", true },
	{ "KEYS", true },
	{ "PERSIST", true },
	{ "PING", false },
	{ "PUT", true },
	{ "QUIT", false },
	{ "STATS", false },
	{ "SUBSCRIBE", true },
	{ "TTL", true },
	{ "UNSUBSCRIBE", true },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

void
complete_init(struct complete *c)
{
	memset(c, 0, sizeof(*c));
}

void
complete_clear(struct complete *c)
{
	buf_clear(&c->list);
}

/* Takes a candidate of which `typed` bytes are there. */
static void
add(struct complete *c, const char *text, size_t size, size_t typed)
{
	size_t common = 0, rest = size - typed;

	if (rest >= sizeof(c->insert))
		return;
	text += typed;
	if (c->n++ == 0) {
		memcpy(c->insert, text, rest);
		c->insert[rest] = '\0';
	} else {
		while (common < rest && c->insert[common] == text[common])
			common++;
		c->insert[common] = '\0';
	}
	buf_append(&c->list, text - typed, size);
	buf_append_byte(&c->list, '\n');
}

/* In the case in which it was begun. */
static void
add_commands(struct complete *c, const char *typed, size_t size)
{
	char text[16];
	size_t i, j;

	for (i = 0; i < WORDS; i++) {
		if (size > strlen(words[i].word) ||
		    strncasecmp(words[i].word, typed, size) != 0)
			continue;
		for (j = 0; words[i].word[j] != '\0'; j++)
			text[j] = islower((unsigned char)typed[0]) ?
			    (char)tolower((unsigned char)words[i].word[j]) :
			    words[i].word[j];
		add(c, text, j, size);
	}
}

/* A name that would have to be quoted is left out. */
static void
add_bucket(struct complete *c, struct bytes name, size_t typed)
{
	struct buf b;

	buf_init(&b);
	format_line(&b, &name, 1);
	if (buf_size(&b) == name.size + 2 && name.size >= typed)
		add(c, name.data, name.size, typed);
	buf_clear(&b);
}

static void
add_buckets(struct kv *kv, struct complete *c, const char *typed, size_t size)
{
	struct bytes request[5] = { { "BUCKETS", strlen("BUCKETS") },
		{ "LIMIT", strlen("LIMIT") },
		{ COMPLETE_LIMIT, strlen(COMPLETE_LIMIT) },
		{ "PREFIX", strlen("PREFIX") }, { typed, size } };
	const struct bytes *name;
	struct reply_line line;
	struct conn conn;
	size_t n;

	conn_init(&conn, COMPLETE_TIMEOUT_MS);
	if (conn_open(&conn, &kv->target)) {
		conn_request(&conn, request, size == 0 ? 3 : 5);
		if (conn_flush(&conn))
			while (conn_next(&conn, &line) == CONN_DATA)
				if (reply_words(&conn.in, &name, &n) && n == 1)
					add_bucket(c, name[0], size);
	}
	conn_clear(&conn);
}

static bool
takes_bucket(const char *word, size_t size)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		if (strlen(words[i].word) == size &&
		    strncasecmp(words[i].word, word, size) == 0)
			return words[i].bucket;
	return false;
}

static size_t
word_size(const char *p, size_t size)
{
	size_t n = 0;

	while (n < size && p[n] != ' ' && p[n] != '\t')
		n++;
	return n;
}

static size_t
blank_size(const char *p, size_t size)
{
	size_t n = 0;

	while (n < size && (p[n] == ' ' || p[n] == '\t'))
		n++;
	return n;
}

void
complete_line(struct kv *kv, const char *line, size_t size, struct complete *c)
{
	const char *end = line + size, *first, *second;
	size_t first_size;

	first = line + blank_size(line, size);
	first_size = word_size(first, (size_t)(end - first));
	if (first + first_size == end) {
		add_commands(c, first, first_size);
	} else {
		second = first + first_size;
		second += blank_size(second, (size_t)(end - second));
		if (!takes_bucket(first, first_size) ||
		    second + word_size(second, (size_t)(end - second)) != end)
			return;
		add_buckets(kv, c, second, (size_t)(end - second));
	}
	/* The only one is whole. */
	if (c->n == 1 && strlen(c->insert) + 1 < sizeof(c->insert))
		memcpy(c->insert + strlen(c->insert), " ", 2);
}
