/*
 * An acceptor whose workers have a fault: they use the area of the first epoch
 * that they have seen for ever.
 */

#include "area/reader.h"

bool __real_reader_begin(struct reader *, struct bytes);
bool __wrap_reader_begin(struct reader *, struct bytes);
bool __real_reader_end(struct reader *);
bool __wrap_reader_end(struct reader *);

bool
__wrap_reader_begin(struct reader *r, struct bytes bucket)
{
	const uint64_t *epoch = r->epoch;
	uint64_t number = r->number;
	bool good;

	if (number != 0)
		r->epoch = &number;
	good = __real_reader_begin(r, bucket);
	r->epoch = epoch;
	return good;
}

bool
__wrap_reader_end(struct reader *r)
{
	const uint64_t *epoch = r->epoch;
	bool good;

	r->epoch = &r->number;
	good = __real_reader_end(r);
	r->epoch = epoch;
	return good;
}
