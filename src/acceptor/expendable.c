/*
 * expendable: makes the workers the processes that the kernel kills first when
 * memory runs out.  Runs in the acceptor.
 */

#include <unistd.h>

#include "acceptor/expendable.h"
#include "common/channel.h"

/* How much is added: a tenth of a percent of all memory each, by which the
 * worker seems larger than it is (proc(5)). */
#define SCORE_ADDED 200
/* The highest value there is (proc(5)). */
#define SCORE_MAX 1000

void
expendable_init(struct expendable *e)
{
	ssize_t n = pread(CHANNEL_OOM_FD, e->own, sizeof(e->own), 0);
	int64_t score = 0;

	e->own_size = e->forked_size = 0;
	if (n > 0 && e->own[n - 1] == '\n')
		n--;
	if (n <= 0 ||
	    number_parse((struct bytes){ e->own, (size_t)n }, &score) !=
		NUMBER_OK)
		return;
	e->own_size = (size_t)n;
	score =
	    score > SCORE_MAX - SCORE_ADDED ? SCORE_MAX : score + SCORE_ADDED;
	e->forked_size = number_format(score, e->forked);
}

/* If this fails the workers serve all the same. */
void
expendable_raise(const struct expendable *e)
{
	if (e->forked_size > 0)
		(void)!write(CHANNEL_OOM_FD, e->forked, e->forked_size);
}

void
expendable_restore(const struct expendable *e)
{
	if (e->own_size > 0)
		(void)!write(CHANNEL_OOM_FD, e->own, e->own_size);
}
