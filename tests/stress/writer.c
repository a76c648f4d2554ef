/*
 * writer: see writer.h.
 */

#include <stdio.h>

#include "stress/reader.h"
#include "stress/request.h"
#include "stress/writer.h"

/* After one write in so many the writer reads what it has written. */
#define READ_ONE_IN 3
/* The longest time to live. */
#define TTL_MS 300

/* A request of its own kind for each content. */
struct writing {
	struct run *run;
	struct conn *conn;
	struct dice *dice;
	struct cell *cell;
};

static void
ask(struct writing *w, const struct ask *a)
{
	conn_ask(w->conn, a, &w->run->history, w->run->now_ms);
}

static void
expect(struct writing *w, const char *word, uint32_t step)
{
	ask(w,
	    &(struct ask){ .what = ASK_WORD,
		.word = word,
		.cell = w->cell,
		.done = step });
}

/* The reply says what the writer replaces, which is its last step. */
static void
expect_read(struct writing *w, enum ask_what what, uint32_t at_least,
    uint32_t at_most, uint32_t step)
{
	ask(w,
	    &(struct ask){ .what = what,
		.own = true,
		.word = "OK",
		.keys = 1,
		.cell = w->cell,
		.at_least = at_least,
		.at_most = at_most,
		.done = step });
}

static void
begin(struct writing *w, const char *command)
{
	request_begin(&w->conn->out, command, w->cell);
}

static void
begin_key(struct writing *w, const char *command, unsigned int key)
{
	begin(w, command);
	request_key(&w->conn->out, w->cell, key);
}

static void
value(struct writing *w, unsigned int key, uint32_t step)
{
	request_value(&w->conn->out, w->cell, key, step);
}

static void
end(struct writing *w, const char *text)
{
	request_end(&w->conn->out, text);
}

static void
word(struct writing *w, const char *request, const char *answer)
{
	end(w, request);
	expect(w, answer, 0);
}

/* Writes to one key */

static void
put(struct writing *w)
{
	uint32_t step = cell_write(w->cell, CELL_VALUE);

	begin_key(w, "PUT", 0);
	value(w, 0, step);
	end(w, "");
	expect(w, "OK", step);
}

static void
add(struct writing *w)
{
	uint32_t step = cell_write(w->cell, CELL_VALUE);

	begin_key(w, "ADD", 0);
	value(w, 0, step);
	end(w, "");
	expect(w, "OK", step);
}

static void
compare_and_set(struct writing *w)
{
	uint32_t old = w->cell->own, step = cell_write(w->cell, CELL_VALUE);

	begin_key(w, "CAS", 0);
	value(w, 0, old);
	value(w, 0, step);
	end(w, "");
	expect(w, "OK", step);
}

static void
remove_key(struct writing *w)
{
	uint32_t step = cell_write(w->cell, CELL_ABSENT);

	begin_key(w, "DELETE", 0);
	end(w, "");
	expect(w, "OK", step);
}

static void
take(struct writing *w)
{
	uint32_t least = w->cell->own, most = w->cell->sent;
	uint32_t step = cell_write(w->cell, CELL_ABSENT);

	begin_key(w, "TAKE", 0);
	end(w, "");
	expect_read(w, ASK_VALUES, least, most, step);
}

/* POP and CLEAR of a prefix that only this key has. */
static void
take_prefix(struct writing *w, const char *command, enum ask_what what)
{
	uint32_t least = w->cell->own, most = w->cell->sent;
	uint32_t step = cell_write(w->cell, CELL_ABSENT);

	begin(w, command);
	buf_append_text(&w->conn->out, " PREFIX");
	request_key(&w->conn->out, w->cell, 0);
	end(w, "");
	expect_read(w, what, least, most, step);
}

static void
write_single(struct writing *w)
{
	if (cell_now(w->cell) != CELL_VALUE) {
		add(w);
		return;
	}
	switch (dice_below(w->dice, 32)) {
	case 0:
		remove_key(w);
		break;
	case 1:
		take(w);
		break;
	case 2:
		take_prefix(w, "POP", ASK_ENTRY);
		break;
	case 3:
		take_prefix(w, "CLEAR", ASK_COUNT);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		compare_and_set(w);
		break;
	default:
		put(w);
	}
}

static void
put_expiring(struct writing *w)
{
	int64_t ttl_ms = 1 + dice_below(w->dice, TTL_MS);
	char text[32];
	uint32_t step;

	step = cell_write_expiring(w->cell, ttl_ms, w->run->now_ms);
	(void)snprintf(text, sizeof(text), " EX %lldms", (long long)ttl_ms);
	begin_key(w, "PUT", 0);
	value(w, 0, step);
	end(w, text);
	expect(w, "OK", step);
}

static void
write_expiring(struct writing *w)
{
	switch (dice_below(w->dice, 8)) {
	case 0:
		remove_key(w);
		break;
	case 1:
		take(w);
		break;
	case 2:
		put(w);
		break;
	default:
		put_expiring(w);
	}
}

/* Transactions */

static void
put_all(struct writing *w, uint32_t step)
{
	unsigned int key;

	for (key = 0; key < w->cell->keys; key++) {
		begin_key(w, "PUT", key);
		value(w, key, step);
		word(w, "", "QUEUED");
	}
}

static void
delete_all(struct writing *w)
{
	unsigned int key;

	for (key = 0; key < w->cell->keys; key++) {
		begin_key(w, "DELETE", key);
		word(w, "", "QUEUED");
	}
}

static void
commit(struct writing *w, unsigned int requests, uint32_t step)
{
	end(w, "COMMIT");
	for (; requests > 0; requests--)
		expect(w, "OK", 0);
	expect(w, "OK", step);
}

static void
write_group(struct writing *w)
{
	word(w, "BEGIN", "OK");
	switch (dice_below(w->dice, 16)) {
	case 0:
		put_all(w, CELL_NO_STEP);
		word(w, "ABORT", "OK");
		w->run->outcome.aborted++;
		break;
	case 1:
		delete_all(w);
		commit(w, w->cell->keys, cell_write(w->cell, CELL_ABSENT));
		break;
	default:
		put_all(w, w->cell->sent + 1);
		commit(w, w->cell->keys, cell_write(w->cell, CELL_VALUE));
	}
}

/* Buckets */

static void
drop(struct writing *w)
{
	begin(w, "DROP");
	end(w, "");
	expect(w, "OK", cell_write(w->cell, CELL_NO_BUCKET));
	w->run->outcome.drops++;
}

static void
create(struct writing *w)
{
	begin(w, "CREATE");
	end(w, "");
	expect(w, "OK", cell_write(w->cell, CELL_ABSENT));
}

/* Nobody sees a moment without the bucket. */
static void
replace(struct writing *w)
{
	word(w, "BEGIN", "OK");
	begin(w, "DROP");
	word(w, "", "QUEUED");
	begin(w, "CREATE");
	word(w, "", "QUEUED");
	put_all(w, w->cell->sent + 1);
	commit(w, 2 + w->cell->keys, cell_write(w->cell, CELL_VALUE));
	w->run->outcome.drops++;
}

static void
write_dropped(struct writing *w)
{
	if (cell_now(w->cell) == CELL_NO_BUCKET) {
		create(w);
		return;
	}
	switch (dice_below(w->dice, 16)) {
	case 0:
		drop(w);
		break;
	case 1:
		replace(w);
		break;
	case 2:
		remove_key(w);
		break;
	default:
		put(w);
	}
}

/* Cells are dealt in turn by eights, which have all kinds. */
static unsigned int
count_eights(const struct run *r, uint32_t cells, unsigned int writer)
{
	uint32_t writers = r->options.writers, eights = cells / 8;

	return eights <= writer ? 0 : (eights - writer + writers - 1) / writers;
}

/* The n-th cell of the writer. */
static struct cell *
find(struct run *r, unsigned int writer, unsigned int n)
{
	return &r->cells[(writer + n / 8 * r->options.writers) * 8 + n % 8];
}

static struct cell *
choose(struct run *r, struct dice *d, unsigned int writer)
{
	uint32_t cells = dice_hit(d, 2) ? READER_HOT : r->options.cells;
	uint32_t own = 8 * count_eights(r, cells, writer);

	return find(r, writer, own == 0 ? 0 : dice_below(d, own));
}

void
writer_ask(struct run *r, struct conn *c, struct dice *d, unsigned int writer)
{
	static void (*const writes[CELL_KINDS])(struct writing *) = {
		[CELL_SINGLE] = write_single,
		[CELL_GROUP] = write_group,
		[CELL_DROPPED] = write_dropped,
		[CELL_EXPIRING] = write_expiring,
	};
	struct writing w = { .run = r, .conn = c, .dice = d };

	w.cell = choose(r, d, writer);
	writes[w.cell->kind](&w);
	if (dice_hit(d, READ_ONE_IN))
		reader_ask_one(r, c, d, w.cell, true);
}

bool
writer_fill(struct run *r, struct conn *c, unsigned int writer, unsigned int n)
{
	struct writing w = { .run = r, .conn = c };

	if (n >= 8 * count_eights(r, r->options.cells, writer))
		return false;
	w.cell = find(r, writer, n);
	if (w.cell->kind == CELL_DROPPED)
		create(&w);
	if (w.cell->kind != CELL_GROUP) {
		put(&w);
		return true;
	}
	word(&w, "BEGIN", "OK");
	put_all(&w, w.cell->sent + 1);
	commit(&w, w.cell->keys, cell_write(w.cell, CELL_VALUE));
	return true;
}
