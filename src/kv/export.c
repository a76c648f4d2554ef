/*
 * export: buckets as the requests that create them again.
 *
 * ENTRIES gives a consistent snapshot of a bucket, but not the times to live
 * of its keys.  A second connection asks for those, with a TTL and an EXISTS
 * for each key of a batch.  EXISTS is needed because TTL gives the same answer
 * for a key without a time to live and for one that has just expired; the
 * latter must not come back for ever.
 */

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/bar.h"
#include "kv/export.h"
#include "kv/kv.h"
#include "proto/format.h"

/* Keys of a batch.  The replies to so many fit into the buffer of any socket,
 * so the server never waits for kv while kv is still sending. */
#define BATCH 256
#define BATCH_BYTES ((size_t)1 << 20)
/* Names of buckets in one reply. */
#define PAGE "256"

struct export
{
	struct kv *kv;
	struct bytes bucket;
	struct kv_conn ttl; /* the second connection */
	struct buf lines; /* PUT requests of the batch, without EX and CR LF */
	size_t ends[BATCH]; /* where each ends in `lines` */
	size_t n; /* keys in the batch */
	uint64_t keys, buckets; /* that are printed */
	uint64_t bucket_keys, bucket_total; /* for the bar */
	struct bar bar;
};

/* Exits because one of the two connections failed. */
__attribute__((noreturn)) static void
lost(struct export *ex, struct kv_conn *c)
{
	bar_clear(&ex->bar);
	if (c != &ex->kv->conn)
		memcpy(ex->kv->conn.error, c->error, sizeof(c->error));
	kv_lost(ex->kv);
}

static void
request(struct kv_conn *c, const char *word, const struct bytes *words,
    size_t n)
{
	struct kv_request r = { .n = 0 };

	kv_add_command(&r, word, words, n);
	kv_conn_request(c, r.words, r.n);
}

static void
connect_ttl(struct export *ex)
{
	if (ex->ttl.fd != -1)
		return;
	ex->ttl.timeout_ms = ex->kv->options.timeout_ms;
	if (!kv_conn_open(&ex->ttl, &ex->kv->target))
		lost(ex, &ex->ttl);
}

/* Waits for the next line about a key.  Returns true for data, false for OK or
 * NOT FOUND, and exits for any other status. */
static bool
next_ttl(struct export *ex, struct reply_line *line)
{
	switch (kv_conn_next(&ex->ttl, line)) {
	case KV_CONN_DATA:
		return true;
	case KV_CONN_STATUS:
		break;
	default:
		lost(ex, &ex->ttl);
	}
	if (line->status == REPLY_OK || line->status == REPLY_NOT_FOUND)
		return false;
	bar_clear(&ex->bar);
	errx(kv_status_of(line),
	    "cannot read times to live: %.*s; use -s to export without them",
	    (int)line->text.size, (const char *)line->text.data);
}

/*
 * Reads the replies to TTL and EXISTS.  Returns false if the key has expired.
 * Puts the seconds that it has left into `seconds`, or an empty text if it has
 * no time to live.
 */
static bool
read_ttl(struct export *ex, char *seconds, size_t size)
{
	const struct bytes *words;
	struct reply_line line;
	size_t n;

	seconds[0] = '\0';
	if (next_ttl(ex, &line)) {
		if (!reply_words(&ex->ttl.in, &words, &n) || n > 1)
			kv_nonsense(ex->kv);
		if (n == 1)
			snprintf(seconds, size, "%.*s", (int)words[0].size,
			    (const char *)words[0].data);
		if (next_ttl(ex, &line))
			kv_nonsense(ex->kv);
	}
	if (next_ttl(ex, &line))
		kv_nonsense(ex->kv);
	return line.status == REPLY_OK;
}

static void
print(struct export *ex, const uint8_t *line, size_t size, const char *seconds)
{
	struct output *out = &ex->kv->out;

	buf_append(&out->buf, line, size);
	if (seconds[0] != '\0') {
		buf_append_text(&out->buf, " EX ");
		/* TTL rounds down, and EX 0 is an error. */
		buf_append_text(&out->buf,
		    strcmp(seconds, "0") == 0 ? "1" : seconds);
	}
	buf_append_byte(&out->buf, '\n');
	output_added(out);
	ex->keys++;
}

static void
finish_batch(struct export *ex)
{
	size_t i, start = 0;
	char seconds[24];

	if (buf_failed(&ex->lines))
		err(KV_FAILED, NULL);
	if (!ex->kv->options.plain && ex->n > 0 && !kv_conn_flush(&ex->ttl))
		lost(ex, &ex->ttl);
	for (i = 0; i < ex->n; i++) {
		seconds[0] = '\0';
		if (ex->kv->options.plain ||
		    read_ttl(ex, seconds, sizeof(seconds)))
			print(ex, buf_data(&ex->lines) + start,
			    ex->ends[i] - start, seconds);
		start = ex->ends[i];
	}
	ex->bucket_keys += ex->n;
	ex->n = 0;
	buf_truncate(&ex->lines, 0);
	bar_show(&ex->bar, ex->bucket_keys, ex->bucket_total, ex->keys);
}

/* Appends the rest of a PUT.  Returns the key. */
static struct bytes
append_entry(struct export *ex, const struct reply_line *line)
{
	const struct bytes *raw = kv_raw_words(ex->kv, line, 2), *entry;
	struct bytes key;
	size_t n;

	if (raw != NULL) {
		/* The value is not decoded, as this is most of the work. */
		buf_append(&ex->lines, raw[0].data, raw[0].size);
		buf_append_byte(&ex->lines, ' ');
		buf_append(&ex->lines, raw[1].data, raw[1].size);
		key = raw[0];
		if (words_decode(&key) == WORDS_OK)
			return key;
		kv_nonsense(ex->kv);
	}
	entry = kv_words(ex->kv, 2, 2, &n);
	format_word(&ex->lines, entry[0]);
	buf_append_byte(&ex->lines, ' ');
	format_word(&ex->lines, entry[1]);
	return entry[0];
}

/* Takes a line of the reply to ENTRIES. */
static void
take_entry(struct export *ex, const struct reply_line *line)
{
	struct bytes key[2] = { ex->bucket };

	buf_append_text(&ex->lines, "PUT ");
	format_word(&ex->lines, ex->bucket);
	buf_append_byte(&ex->lines, ' ');
	key[1] = append_entry(ex, line);
	ex->ends[ex->n++] = buf_size(&ex->lines);
	if (!ex->kv->options.plain) {
		connect_ttl(ex);
		request(&ex->ttl, "TTL", key, 2);
		request(&ex->ttl, "EXISTS", key, 2);
	}
	if (ex->n == BATCH || buf_size(&ex->lines) >= BATCH_BYTES)
		finish_batch(ex);
}

static void
print_create(struct export *ex)
{
	struct bytes words[2] = { bytes_from_text("CREATE"), ex->bucket };

	output_line(&ex->kv->out, words, 2);
	ex->buckets++;
}

/* How many keys the bucket has now.  The bar needs only an estimate. */
static uint64_t
ask_count(struct export *ex)
{
	const struct bytes *words;
	struct reply_line line;
	uint64_t count = 0;
	size_t n;

	request(&ex->kv->conn, "COUNT", &ex->bucket, 1);
	if (!kv_conn_flush(&ex->kv->conn))
		lost(ex, &ex->kv->conn);
	while (kv_next(ex->kv, &line)) {
		words = kv_words(ex->kv, 1, 1, &n);
		if (words[0].size < 20)
			count = strtoull(words[0].data, NULL, 10);
	}
	return count;
}

static enum kv_status
export_bucket(struct export *ex, struct bytes bucket, bool named)
{
	struct kv_conn *c = &ex->kv->conn;
	struct reply_line line;
	bool created = false;

	ex->bucket = bucket;
	ex->bucket_keys = 0;
	ex->bucket_total = ex->bar.progress.on ? ask_count(ex) : 0;
	request(c, "ENTRIES", &bucket, 1);
	if (!kv_conn_flush(c))
		lost(ex, c);
	while (kv_next(ex->kv, &line)) {
		if (!created)
			print_create(ex);
		created = true;
		take_entry(ex, &line);
	}
	finish_batch(ex);
	if (line.status == REPLY_OK && !created)
		print_create(ex);
	/* If all buckets are wanted, one that was dropped after it was listed
	 * is not an error. */
	if (line.status == REPLY_OK ||
	    (line.status == REPLY_NOT_FOUND && !named))
		return KV_DONE;
	bar_clear(&ex->bar);
	if (line.status == REPLY_NOT_FOUND)
		warnx("no such bucket: %.*s", (int)bucket.size,
		    (const char *)bucket.data);
	else
		(void)kv_finish(ex->kv, &line);
	return kv_status_of(&line);
}

/*
 * Reads the names of the next buckets after `after` into `names`: a byte with
 * the size, then the name, and so on.  Returns how the request ended.
 */
static enum kv_status
list_page(struct export *ex, struct bytes after, struct buf *names)
{
	struct bytes args[4] = { bytes_from_text("LIMIT"),
		bytes_from_text(PAGE), bytes_from_text("AFTER"), after };
	struct kv_conn *c = &ex->kv->conn;
	const struct bytes *words;
	struct reply_line line;
	size_t n;

	request(c, "BUCKETS", args, after.size == 0 ? 2 : 4);
	if (!kv_conn_flush(c))
		lost(ex, c);
	buf_truncate(names, 0);
	while (kv_next(ex->kv, &line)) {
		words = kv_words(ex->kv, 1, 1, &n);
		if (words[0].size == 0 || words[0].size > UINT8_MAX)
			kv_nonsense(ex->kv);
		buf_append_byte(names, (uint8_t)words[0].size);
		buf_append(names, words[0].data, words[0].size);
	}
	if (buf_failed(names))
		err(KV_FAILED, NULL);
	return line.status == REPLY_OK ? KV_DONE : kv_finish(ex->kv, &line);
}

static enum kv_status
export_all(struct export *ex)
{
	enum kv_status status;
	uint8_t last[UINT8_MAX];
	struct bytes name = { last, 0 };
	struct buf names;
	const uint8_t *p;

	buf_init(&names);
	while ((status = list_page(ex, name, &names)) == KV_DONE &&
	    buf_size(&names) > 0) {
		for (p = buf_data(&names);
		     p < buf_data(&names) + buf_size(&names) &&
		     status == KV_DONE;
		     p += 1 + name.size) {
			name.size = p[0];
			memcpy(last, p + 1, name.size);
			status = export_bucket(ex, name, false);
		}
		if (status != KV_DONE)
			break;
	}
	buf_clear(&names);
	return status;
}

enum kv_status
export_run(struct kv *kv, const struct bytes *args, size_t n)
{
	struct export ex = { .kv = kv };
	enum kv_status status = KV_DONE;
	size_t i;

	kv_conn_init(&ex.ttl, kv->options.timeout_ms);
	bar_init(&ex.bar, "keys", !kv->options.quiet);
	kv_connect(kv);
	if (n == 0)
		status = export_all(&ex);
	for (i = 0; i < n && status <= KV_NOT_FOUND; i++)
		status =
		    kv_status_worse(status, export_bucket(&ex, args[i], true));
	output_flush(&kv->out);
	bar_clear(&ex.bar);
	if (!kv->options.quiet)
		warnx("%" PRIu64 " keys in %" PRIu64 " buckets", ex.keys,
		    ex.buckets);
	kv_conn_clear(&ex.ttl);
	buf_clear(&ex.lines);
	return status;
}
