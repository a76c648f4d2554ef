/*
 * complete: candidates for a word at the prompt.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "kv/complete.h"
#include "kv/kv.h"
#include "proto/format.h"
#include "proto/words.h"

/* A person waits for it. */
#define COMPLETE_TIMEOUT_MS 1000
/* More than anybody wants to see. */
#define COMPLETE_LIMIT "200"

/* What the protocol has, and what their arguments are to begin with: b bucket,
 * k key, c command. */
static const struct {
	const char *word, *args;
} words[] = {
	{ "ABORT", "" },
	{ "ADD", "bk" },
	{ "BEGIN", "" },
	{ "BUCKETS", "" },
	{ "CAS", "bk" },
	{ "COMMIT", "" },
	{ "COUNT", "b" },
	{ "CREATE", "b" },
	{ "DELETE", "bk" },
	{ "DROP", "b" },
	{ "ECHO", "" },
	{ "ENTRIES", "b" },
	{ "EXISTS", "bk" },
	{ "EXPIRE", "bk" },
	{ "GET", "bk" },
	{ "HELP", "c" },
	{ "INCR", "bk" },
	{ "KEYS", "b" },
	{ "PERSIST", "bk" },
	{ "PING", "" },
	{ "PUT", "bk" },
	{ "QUIT", "" },
	{ "STATS", "" },
	{ "SUBSCRIBE", "b" },
	{ "TTL", "bk" },
	{ "UNSUBSCRIBE", "b" },
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
		/* Not in the middle of a character. */
		while (common > 0 && common < rest &&
		    ((unsigned char)text[common] & 0xc0) == 0x80)
			common--;
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
add_name(struct complete *c, struct bytes name, size_t typed)
{
	struct buf b;

	buf_init(&b);
	format_line(&b, &name, 1);
	if (buf_size(&b) == name.size + 2 && name.size >= typed)
		add(c, name.data, name.size, typed);
	buf_clear(&b);
}

/* Those that the server lists: its buckets, or the keys of one. */
static void
add_names(struct kv *kv, struct complete *c, const struct bytes *bucket,
    struct bytes typed)
{
	struct kv_request request = { .n = 0 };
	const struct bytes *name;
	struct reply_line line;
	struct kv_conn conn;
	size_t n;

	kv_add_text(&request, bucket == NULL ? "BUCKETS" : "KEYS");
	if (bucket != NULL)
		kv_add(&request, *bucket);
	kv_add_text(&request, "LIMIT");
	kv_add_text(&request, COMPLETE_LIMIT);
	if (typed.size > 0) {
		kv_add_text(&request, "PREFIX");
		kv_add(&request, typed);
	}
	kv_conn_init(&conn, COMPLETE_TIMEOUT_MS);
	if (kv_conn_open(&conn, &kv->target)) {
		kv_conn_request(&conn, request.words, request.n);
		if (kv_conn_flush(&conn))
			while (kv_conn_next(&conn, &line) == KV_CONN_DATA)
				if (reply_words(&conn.in, &name, &n) && n == 1)
					add_name(c, name[0], typed.size);
	}
	kv_conn_clear(&conn);
}

/* What the n-th argument of this command is; NUL: nobody knows. */
static char
kind_of(struct bytes command, size_t n)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		if (words_equal(command, words[i].word))
			return strlen(words[i].args) > n ? words[i].args[n] :
							   '\0';
	return '\0';
}

/* Given the words that are whole, and the one that is typed. */
static void
add_candidates(struct kv *kv, struct complete *c, const struct bytes *whole,
    size_t n, struct bytes typed)
{
	switch (n == 0 ? 'c' : kind_of(whole[0], n - 1)) {
	case 'c':
		add_commands(c, typed.data, typed.size);
		break;
	case 'b':
		add_names(kv, c, NULL, typed);
		break;
	case 'k':
		add_names(kv, c, &whole[1], typed);
		break;
	default:
		break;
	}
}

static size_t
last_word_size(const char *line, size_t size)
{
	size_t n = 0;

	while (
	    n < size && line[size - n - 1] != ' ' && line[size - n - 1] != '\t')
		n++;
	return n;
}

void
complete_line(struct kv *kv, const char *line, size_t size, struct complete *c)
{
	size_t typed = last_word_size(line, size);
	struct buf copy, whole;

	buf_init(&copy);
	buf_init(&whole);
	buf_append(&copy, line, size - typed);
	buf_append_byte(&copy, ' ');
	/* Inside of quotes, the words before are not balanced. */
	if (!buf_failed(&copy) &&
	    words_split(buf_data(&copy), buf_size(&copy), &whole) == WORDS_OK &&
	    !buf_failed(&whole))
		add_candidates(kv, c, words_get(&whole), words_count(&whole),
		    (struct bytes){ line + size - typed, typed });
	buf_clear(&copy);
	buf_clear(&whole);
	/* The only one is whole. */
	if (c->n == 1 && strlen(c->insert) + 1 < sizeof(c->insert))
		memcpy(c->insert + strlen(c->insert), " ", 2);
}
