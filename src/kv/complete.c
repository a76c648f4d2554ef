/*
 * complete: candidates for a word at the prompt.  Commands and their arguments
 * are those of the table in proto/command.c.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "kv/complete.h"
#include "kv/kv.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/words.h"

/* Somebody is waiting at the prompt. */
#define COMPLETE_TIMEOUT_MS 1000
/* More than anybody wants to read. */
#define COMPLETE_LIMIT "200"

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

/* Adds a candidate, of which the first `typed` bytes are typed. */
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
		/* Do not insert a part of a UTF-8 character. */
		while (common > 0 && common < rest &&
		    ((unsigned char)text[common] & 0xc0) == 0x80)
			common--;
		c->insert[common] = '\0';
	}
	buf_append(&c->list, text - typed, size);
	buf_append_byte(&c->list, '\n');
}

/* The command whose name follows this one in the alphabet.  `name` NULL: the
 * first one. */
static const char *
next_name(const char *name)
{
	const struct command *command;
	const char *next = NULL;
	size_t i;

	for (i = 0; (command = command_get(i)) != NULL; i++)
		if ((name == NULL || strcmp(command->name, name) > 0) &&
		    (next == NULL || strcmp(command->name, next) < 0))
			next = command->name;
	return next;
}

/* In lower case if the typed word begins so. */
static void
add_command(struct complete *c, const char *name, struct bytes typed)
{
	const unsigned char *first = typed.data;
	char text[16];
	size_t i;

	for (i = 0; name[i] != '\0' && i < sizeof(text); i++)
		text[i] = typed.size > 0 && islower(first[0]) ?
		    (char)tolower((unsigned char)name[i]) :
		    name[i];
	add(c, text, i, typed.size);
}

static void
add_commands(struct complete *c, struct bytes typed)
{
	const char *name = NULL;

	while ((name = next_name(name)) != NULL)
		if (typed.size <= strlen(name) &&
		    strncasecmp(name, typed.data, typed.size) == 0)
			add_command(c, name, typed);
}

/* A name that must be quoted is not a candidate. */
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

/* Adds the names that the server lists: the keys of this bucket, or, if it is
 * NULL, the buckets. */
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

/* The n-th word of a usage, counted from 0; empty: it has fewer.  "..." stands
 * for any number of the word before it. */
static struct bytes
usage_word(const char *usage, size_t n)
{
	struct bytes word = { usage, strcspn(usage, " ") };

	for (; n > 0; n--) {
		usage += word.size;
		usage += strspn(usage, " ");
		if (strncmp(usage, "...", 3) == 0)
			break;
		word = (struct bytes){ usage, strcspn(usage, " ") };
	}
	return word;
}

/* What the usage of the command calls its n-th argument; empty: nothing. */
static struct bytes
argument_name(struct bytes name, size_t n)
{
	const struct command *command;
	size_t i;

	for (i = 0; (command = command_get(i)) != NULL; i++)
		if (command->usage != NULL && words_equal(name, command->name))
			return usage_word(command->usage, n);
	return (struct bytes){ NULL, 0 };
}

/* `words` are the n words before the one that is typed. */
static void
add_candidates(struct kv *kv, struct complete *c, const struct bytes *words,
    size_t n, struct bytes typed)
{
	struct bytes argument;

	if (n == 0) {
		add_commands(c, typed);
		return;
	}
	argument = argument_name(words[0], n - 1);
	if (bytes_are(argument, "[command]"))
		add_commands(c, typed);
	else if (bytes_are(argument, "bucket"))
		add_names(kv, c, NULL, typed);
	else if (bytes_are(argument, "key"))
		add_names(kv, c, &words[1], typed);
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
	/* Inside quotes there is no completion: then the quotes before the
	 * cursor are not balanced. */
	if (!buf_failed(&copy) &&
	    words_split(buf_data(&copy), buf_size(&copy), &whole) == WORDS_OK &&
	    !buf_failed(&whole))
		add_candidates(kv, c, words_get(&whole), words_count(&whole),
		    (struct bytes){ line + size - typed, typed });
	buf_clear(&copy);
	buf_clear(&whole);
	/* The only candidate is complete. */
	if (c->n == 1 && strlen(c->insert) + 1 < sizeof(c->insert))
		memcpy(c->insert + strlen(c->insert), " ", 2);
}
