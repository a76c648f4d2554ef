/*
 * The scrub: a check for the master, in the background (common/scrub.h).  Its
 * end is noted in the data directory, in the file `scrubbed': the time, in
 * seconds since 1970, and how many things were found.
 */

#ifndef MAINTAIN_SCRUB_H
#define MAINTAIN_SCRUB_H

#include "maintain/maintain.h"

/* Both return enum scrub_status. */
int maintain_scrub(const struct maintain_options *);
/* Only says when the last one ended. */
int maintain_scrubbed(const struct maintain_options *);

#endif
