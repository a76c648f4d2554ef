/*
 * A registry with a fault: readers of the area are not told that a bucket has
 * lost its id.
 */

#include "area/writer.h"

void __wrap_area_writer_forget_name(struct area_writer *, struct bytes);

void
__wrap_area_writer_forget_name(struct area_writer *w, struct bytes name)
{
	(void)w;
	(void)name;
}
