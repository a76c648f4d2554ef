/*
 * An acceptor whose workers have a fault: after the copy they do not look at
 * the slots again, so that keys that are read together may be of two moments.
 * A delay behind each key makes that likely.
 */

#include "area/reader.h"
#include "stress/faults/delay.h"

/* About the time that a commit takes. */
#define DELAY_US 50

bool __real_reader_take(struct reader *, struct bytes, struct bytes *);
bool __wrap_reader_take(struct reader *, struct bytes, struct bytes *);
bool __real_reader_end(struct reader *);
bool __wrap_reader_end(struct reader *);

bool
__wrap_reader_take(struct reader *r, struct bytes key, struct bytes *value)
{
	bool good = __real_reader_take(r, key, value);

	delay_us(DELAY_US);
	return good;
}

bool
__wrap_reader_end(struct reader *r)
{
	r->n_seen = 0;
	return __real_reader_end(r);
}
