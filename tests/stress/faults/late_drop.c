/*
 * A registry with a fault: what a batch has changed it drops from the area when
 * the next batch ends, after it has answered.
 */

#include <string.h>

#include "area/writer.h"

#define KEYS_MAX 1024
#define KEY_MAX 512

struct late {
	size_t n;
	struct {
		size_t size;
		unsigned char bytes[KEY_MAX];
	} keys[KEYS_MAX];
};

void __real_area_writer_drop(struct area_writer *, struct bytes);
void __wrap_area_writer_drop(struct area_writer *, struct bytes);
void __real_area_writer_end_batch(struct area_writer *);
void __wrap_area_writer_end_batch(struct area_writer *);

/* Of this batch, and of the last one. */
static struct late late[2];

void
__wrap_area_writer_drop(struct area_writer *w, struct bytes key)
{
	struct late *l = &late[0];

	if (l->n == KEYS_MAX || key.size > KEY_MAX) {
		__real_area_writer_drop(w, key);
		return;
	}
	l->keys[l->n].size = key.size;
	memcpy(l->keys[l->n++].bytes, key.data, key.size);
}

void
__wrap_area_writer_end_batch(struct area_writer *w)
{
	size_t i;

	for (i = 0; i < late[1].n; i++)
		__real_area_writer_drop(w,
		    (struct bytes){ late[1].keys[i].bytes,
			late[1].keys[i].size });
	__real_area_writer_end_batch(w);
	late[1] = late[0];
	late[0].n = 0;
}
