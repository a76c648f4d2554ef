/*
 * The names of buckets in an area: which id a bucket has (area/area.h).
 */

#ifndef AREA_NAMES_H
#define AREA_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "area/area.h"
#include "common/bytes.h"

/* Names have 1 to 255 bytes, and an id is not 0. */

/* Writer: empties the table, while the epoch is closed. */
void names_clear(struct area_header *);
/* Writer: says which id a bucket has. */
void names_put(struct area_header *, struct bytes name, uint64_t id);
/* Writer: the bucket is about to lose its id.  Then comes the fence that is due
 * before a commit. */
void names_forget(struct area_header *, struct bytes name);

/* Reader: the bucket's id, or 0: it is not known.  The answer holds as long as
 * the names' version is what it was before. */
uint64_t names_find(const struct area_header *, struct bytes name);

#endif
