/*
 * crowd: see crowd.h.
 */

#include <sys/epoll.h>

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "stress/answer.h"
#include "stress/crowd.h"
#include "stress/reader.h"
#include "stress/writer.h"

#define EVENTS_MAX 64
/* The largest number of requests in a burst. */
#define READS_MAX 96
#define WRITES_MAX 16
/* A writer rests for less than this between bursts. */
#define REST_MS 3
/* A reader leaves after so many bursts, on average, and comes again. */
#define STAY 200
/* A reply that takes longer is a failure. */
#define HUNG_MS 60000
/*
 * A connection made within this time after an acceptor was killed may have
 * been accepted by that acceptor, and ends with it.
 */
#define DYING_MS 1000

/* Connecting */

static void
watch(struct crowd *cr, struct client *c, int op)
{
	uint32_t events = EPOLLIN;
	struct epoll_event event = { .data.ptr = c };

	if (buf_size(&c->conn.out) > 0)
		events |= EPOLLOUT;
	if (op == EPOLL_CTL_MOD && events == c->events)
		return;
	event.events = c->events = events;
	if (epoll_ctl(cr->epoll_fd, op, c->conn.fd, &event) == -1)
		err(EX_OSERR, "epoll_ctl");
}

static void
join(struct crowd *cr, struct client *c)
{
	if (!conn_open(&c->conn, &cr->address, cr->run->now_ms))
		err(EX_UNAVAILABLE, "cannot connect");
	cr->run->outcome.connections++;
	c->low = 0;
	watch(cr, c, EPOLL_CTL_ADD);
}

static void
join_again(struct crowd *cr, struct client *c)
{
	conn_close(&c->conn);
	join(cr, c);
}

static void
ended(struct crowd *cr, struct client *c)
{
	struct outcome *o = &cr->run->outcome;

	if (c->conn.served ||
	    c->conn.connect_ms > cr->acceptor_died_ms + DYING_MS) {
		outcome_failure(o, &o->disconnected,
		    "client %u: disconnected, %u requests unanswered",
		    c->conn.number, c->conn.count);
		return;
	}
	o->resets++;
	join_again(cr, c);
}

/* Asking */

/* Many bursts are single requests, some are short. */
static unsigned int
choose_size(struct dice *d, unsigned int max)
{
	switch (dice_below(d, 4)) {
	case 0:
		return 1;
	case 1:
		return 1 + dice_below(d, max / 8);
	default:
		return 1 + dice_below(d, max);
	}
}

static void
ask_writes(struct crowd *cr, struct client *c)
{
	unsigned int n = choose_size(&c->dice, WRITES_MAX);
	unsigned int writer = c->conn.number - cr->run->options.readers;

	for (; n > 0 && conn_has_room(&c->conn, WRITER_ASKS_MAX); n--)
		writer_ask(cr->run, &c->conn, &c->dice, writer);
	c->next_ms = cr->run->now_ms + dice_below(&c->dice, REST_MS);
}

/* Each writer begins with all of its cells. */
static void
fill(struct crowd *cr, struct client *c)
{
	unsigned int writer = c->conn.number - cr->run->options.readers;

	while (conn_has_room(&c->conn, WRITER_ASKS_MAX) &&
	    writer_fill(cr->run, &c->conn, writer, c->filled))
		c->filled++;
}

/*
 * A worker answers a burst by itself only if it can do so with all of it.  So
 * of eight readers two ask for one key at a time, five for the same cell again
 * and again, and one for all kinds of cells.
 */
static void
ask_reads(struct crowd *cr, struct client *c)
{
	unsigned int n = choose_size(&c->dice, READS_MAX);

	/* Every other burst follows while the last one is unanswered. */
	c->low = dice_hit(&c->dice, 2) ? 0 : n / 2;
	switch (c->conn.number % 8) {
	case 0:
	case 1:
		c->low = 0;
		reader_ask(cr->run, &c->conn, &c->dice, 1);
		break;
	case 2:
		reader_ask(cr->run, &c->conn, &c->dice, n);
		break;
	default:
		reader_ask_same(cr->run, &c->conn, &c->dice, n);
	}
}

static void
verify(struct crowd *cr, struct client *c)
{
	unsigned int n;

	for (n = READS_MAX; n > 0 && cr->verified < cr->run->options.cells; n--)
		reader_ask_all(cr->run, &c->conn,
		    &cr->run->cells[cr->verified++]);
}

static void
ask(struct crowd *cr, struct client *c)
{
	if (cr->stage == CROWD_VERIFY && c == cr->clients)
		verify(cr, c);
	else if (cr->stage == CROWD_FILL && c->writes)
		fill(cr, c);
	else if (cr->stage == CROWD_ASK && c->writes)
		ask_writes(cr, c);
	else if (cr->stage == CROWD_ASK)
		ask_reads(cr, c);
	conn_send(&c->conn, &cr->run->history);
	watch(cr, c, EPOLL_CTL_MOD);
}

/* Asks, or leaves, if few enough requests are unanswered. */
static void
go_on(struct crowd *cr, struct client *c)
{
	if (cr->run->outcome.failed || c->conn.count > c->low ||
	    cr->run->now_ms < c->next_ms)
		return;
	if (cr->stage == CROWD_ASK && !c->writes && c->conn.count == 0 &&
	    dice_hit(&c->dice, STAY))
		join_again(cr, c);
	ask(cr, c);
}

/* Receiving */

static void
note_stall(struct crowd *cr, struct conn *c)
{
	int64_t stall_ms = cr->run->now_ms - c->waiting_ms;

	if (c->waiting_ms != CLOCK_NEVER &&
	    stall_ms > cr->run->outcome.stall_ms)
		cr->run->outcome.stall_ms = stall_ms;
	c->waiting_ms = c->count == 0 ? CLOCK_NEVER : cr->run->now_ms;
}

static void
receive(struct crowd *cr, struct client *c)
{
	unsigned int before = c->conn.count;

	if (conn_receive(&c->conn, &cr->run->history) == CONN_ENDED) {
		ended(cr, c);
		return;
	}
	answer_take(cr->run, &c->conn);
	if (c->conn.count == before)
		return;
	c->conn.served = true;
	note_stall(cr, &c->conn);
	go_on(cr, c);
}

static void
handle(struct crowd *cr, struct client *c, uint32_t events)
{
	if (events & EPOLLOUT) {
		conn_send(&c->conn, &cr->run->history);
		watch(cr, c, EPOLL_CTL_MOD);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(cr, c);
}

/* Writers that have rested ask again. */
static void
look_after(struct crowd *cr, struct client *c)
{
	struct outcome *o = &cr->run->outcome;

	if (c->conn.waiting_ms != CLOCK_NEVER &&
	    cr->run->now_ms - c->conn.waiting_ms > HUNG_MS) {
		c->conn.waiting_ms = CLOCK_NEVER;
		outcome_failure(o, &o->hung,
		    "client %u: hung: nothing came for %d ms", c->conn.number,
		    HUNG_MS);
	}
	go_on(cr, c);
}

void
crowd_round(struct crowd *cr)
{
	struct epoll_event events[EVENTS_MAX];
	unsigned int j;
	int i, n;

	n = epoll_wait(cr->epoll_fd, events, EVENTS_MAX, 1);
	if (n == -1 && errno != EINTR)
		err(EX_OSERR, "epoll_wait");
	cr->run->now_ms = clock_ms();
	for (i = 0; i < n; i++)
		handle(cr, events[i].data.ptr, events[i].events);
	if (cr->run->now_ms == cr->looked_ms)
		return;
	cr->looked_ms = cr->run->now_ms;
	for (j = 0; j < cr->n; j++)
		look_after(cr, &cr->clients[j]);
}

/* Beginning and ending */

void
crowd_open(struct crowd *cr, struct run *r, const struct sockaddr_in *address)
{
	const struct stress_options *o = &r->options;
	struct client *c;
	unsigned int i;

	*cr = (struct crowd){ .run = r,
		.address = *address,
		.n = o->readers + o->writers,
		.acceptor_died_ms = -CLOCK_NEVER / 2 };
	cr->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	cr->clients = calloc(cr->n, sizeof(*cr->clients));
	if (cr->epoll_fd == -1 || cr->clients == NULL)
		err(EX_OSERR, NULL);
	r->now_ms = clock_ms();
	for (i = 0; i < cr->n; i++) {
		c = &cr->clients[i];
		conn_init(&c->conn, i, o->cells);
		dice_init(&c->dice, o->seed, 100 + i);
		c->writes = i >= o->readers;
		join(cr, c);
	}
}

void
crowd_close(struct crowd *cr)
{
	unsigned int i;

	for (i = 0; i < cr->n; i++)
		conn_clear(&cr->clients[i].conn);
	(void)close(cr->epoll_fd);
	free(cr->clients);
}

void
crowd_begin(struct crowd *cr, enum crowd_stage stage)
{
	cr->stage = stage;
}

bool
crowd_is_over(const struct crowd *cr)
{
	unsigned int i;

	for (i = 0; i < cr->n; i++)
		if (cr->clients[i].conn.count > 0 ||
		    (cr->stage == CROWD_FILL && cr->clients[i].writes &&
			cr->clients[i].filled == 0))
			return false;
	return cr->stage != CROWD_VERIFY ||
	    cr->verified == cr->run->options.cells;
}
