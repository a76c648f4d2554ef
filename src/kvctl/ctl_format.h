/*
 * How kvctl writes numbers for people.
 */

#ifndef KVCTL_CTL_FORMAT_H
#define KVCTL_CTL_FORMAT_H

#include <stdint.h>

/* The size of all texts here, NUL included. */
#define CTL_TEXT_SIZE 48

/* A time, in its two largest units: "3d 4h", "5m 3s", "1.2s", "12ms".  Each
 * fills `text` and returns it. */
const char *ctl_format_time(char text[CTL_TEXT_SIZE], int64_t ms);
/* A size in bytes: "512", "1.5K", "33.2M". */
const char *ctl_format_size(char text[CTL_TEXT_SIZE], uint64_t bytes);
/* A number: "1234567". */
const char *ctl_format_number(char text[CTL_TEXT_SIZE], uint64_t number);

#endif
