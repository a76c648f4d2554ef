/*
 * tally: adds results up.  Runs in kvbench.
 */

/* libbsd requires a choice between two variants of strnvis(3), although it is
 * not used here. */
#define LIBBSD_OPENBSD_VIS
#include <string.h>
#include <vis.h>

#include "kvbench/tally.h"

#define NS_PER_S INT64_C(1000000000)

void
tally_add(struct tally *to, const struct tally *t)
{
	size_t i;

	if (to->begin_ns == 0 || t->begin_ns < to->begin_ns)
		to->begin_ns = t->begin_ns;
	if (t->end_ns > to->end_ns)
		to->end_ns = t->end_ns;
	to->done += t->done;
	to->absent += t->absent;
	to->errors += t->errors;
	to->unsent += t->unsent;
	for (i = 0; i < TALLY_SECONDS_MAX; i++)
		to->by_second[i] += t->by_second[i];
	if (to->error[0] == '\0')
		memcpy(to->error, t->error, sizeof(to->error));
	for (i = 0; i < OP_COUNT; i++)
		histogram_add(&to->times[i], &t->times[i]);
}

void
tally_print(char text[TALLY_ERROR_SIZE], struct bytes said)
{
	size_t n = said.size;

	/* A byte becomes up to four characters. */
	if (n > (TALLY_ERROR_SIZE - 1) / 4)
		n = (TALLY_ERROR_SIZE - 1) / 4;
	if (n == 0)
		text[0] = '\0';
	else
		(void)strvisx(text, said.data, n, VIS_OCTAL | VIS_TAB | VIS_NL);
}

double
tally_seconds(const struct tally *t)
{
	return (double)(t->end_ns - t->begin_ns) / 1e9;
}

double
tally_rate(const struct tally *t)
{
	return t->end_ns > t->begin_ns ? (double)t->done / tally_seconds(t) : 0;
}

void
tally_note_done(struct tally *t, int64_t now_ns)
{
	int64_t second = (now_ns - t->begin_ns) / NS_PER_S;

	t->done++;
	if (second < TALLY_SECONDS_MAX)
		t->by_second[second]++;
}

size_t
tally_whole_seconds(const struct tally *t)
{
	int64_t seconds = (t->end_ns - t->begin_ns) / NS_PER_S;

	return (
	    size_t)(seconds < TALLY_SECONDS_MAX ? seconds : TALLY_SECONDS_MAX);
}
