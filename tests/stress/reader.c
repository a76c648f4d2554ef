/*
 * reader: see reader.h.
 */

#include "stress/reader.h"
#include "stress/request.h"

/* One read in so many is ... */
#define EXISTS_ONE_IN 8
#define TRANSACTION_ONE_IN 32 /* of those of groups */

struct cell *
reader_choose(struct run *r, struct dice *d)
{
	uint32_t hot = dice_hit(d, 2) ? READER_HOT : r->options.cells;

	return &r->cells[dice_below(d, hot)];
}

static struct ask
make_ask(enum ask_what what, struct cell *cell, bool own)
{
	return (struct ask){ .what = what,
		.own = own,
		.word = "OK",
		.cell = cell,
		.keys = 1,
		.at_least = own ? cell->own : cell->floor,
		.at_most = own ? cell->sent : UINT32_MAX };
}

static void
ask(struct run *r, struct conn *c, const struct ask *a)
{
	conn_ask(c, a, &r->history, r->now_ms);
}

static void
ask_word(struct run *r, struct conn *c, const char *request, const char *word)
{
	request_end(&c->out, request);
	ask(r, c, &(struct ask){ .what = ASK_WORD, .word = word });
}

static void
put_get(struct conn *c, const struct cell *cell, unsigned int first,
    unsigned int n)
{
	request_begin(&c->out, "GET", cell);
	for (; n > 0; n--)
		request_key(&c->out, cell, first++);
	request_end(&c->out, "");
}

static void
ask_values(struct run *r, struct conn *c, struct cell *cell, unsigned int first,
    unsigned int n, bool own)
{
	struct ask a = make_ask(ASK_VALUES, cell, own);

	a.first_key = (uint8_t)first;
	a.keys = (uint8_t)n;
	put_get(c, cell, first, n);
	ask(r, c, &a);
}

static void
ask_exists(struct run *r, struct conn *c, struct cell *cell, unsigned int key,
    bool own)
{
	struct ask a = make_ask(ASK_EXISTS, cell, own);

	request_begin(&c->out, "EXISTS", cell);
	request_key(&c->out, cell, key);
	request_end(&c->out, "");
	ask(r, c, &a);
}

/* The first key by one GET and the others by a second one. */
static void
ask_transaction(struct run *r, struct conn *c, struct cell *cell, bool own)
{
	struct ask a = make_ask(ASK_VALUES, cell, own);

	ask_word(r, c, "BEGIN", "OK");
	put_get(c, cell, 0, 1);
	ask(r, c, &(struct ask){ .what = ASK_WORD, .word = "QUEUED" });
	put_get(c, cell, 1, cell->keys - 1);
	ask(r, c, &(struct ask){ .what = ASK_WORD, .word = "QUEUED" });
	request_end(&c->out, "COMMIT");
	ask(r, c, &a);
	a.same = true;
	a.first_key = 1;
	a.keys = (uint8_t)(cell->keys - 1);
	ask(r, c, &a);
	ask(r, c, &(struct ask){ .what = ASK_WORD, .word = "OK" });
	r->outcome.transactions++;
}

static void
ask_group(struct run *r, struct conn *c, struct dice *d, struct cell *cell,
    bool own)
{
	unsigned int key = dice_below(d, cell->keys);

	if (dice_hit(d, 2)) {
		ask_values(r, c, cell, 0, cell->keys, own);
		return;
	}
	/* One after the other: the second must not be older. */
	ask_values(r, c, cell, key, 1, own);
	ask_values(r, c, cell, (key + 1) % cell->keys, 1, own);
}

static void
ask_simply(struct run *r, struct conn *c, struct dice *d, struct cell *cell,
    bool own)
{
	if (dice_hit(d, EXISTS_ONE_IN))
		ask_exists(r, c, cell, dice_below(d, cell->keys), own);
	else if (cell->kind == CELL_GROUP)
		ask_group(r, c, d, cell, own);
	else
		ask_values(r, c, cell, 0, 1, own);
}

void
reader_ask_one(struct run *r, struct conn *c, struct dice *d, struct cell *cell,
    bool own)
{
	if (cell->kind == CELL_GROUP && dice_hit(d, TRANSACTION_ONE_IN))
		ask_transaction(r, c, cell, own);
	else
		ask_simply(r, c, d, cell, own);
}

void
reader_ask(struct run *r, struct conn *c, struct dice *d, unsigned int n)
{
	for (; n > 0; n--)
		reader_ask_one(r, c, d, reader_choose(r, d), false);
}

void
reader_ask_same(struct run *r, struct conn *c, struct dice *d, unsigned int n)
{
	struct cell *cell = reader_choose(r, d);

	for (; n > 0; n--)
		ask_simply(r, c, d, cell, false);
}

void
reader_ask_all(struct run *r, struct conn *c, struct cell *cell)
{
	ask_values(r, c, cell, 0, cell->keys, false);
}
