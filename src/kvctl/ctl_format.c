/*
 * ctl_format: numbers for people.
 */

#include <inttypes.h>
#include <stdio.h>

#include "kvctl/ctl_format.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

const char *
ctl_format_time(char text[CTL_TEXT_SIZE], int64_t ms)
{
	static const struct {
		int64_t ms;
		char name;
	} units[] = { { DAY_MS, 'd' }, { HOUR_MS, 'h' }, { MINUTE_MS, 'm' },
		{ SECOND_MS, 's' } };
	size_t i = 0;

	while (i < 3 && ms < units[i].ms)
		i++;
	if (ms < SECOND_MS)
		snprintf(text, CTL_TEXT_SIZE, "%" PRId64 "ms", ms);
	else if (i == 3)
		snprintf(text, CTL_TEXT_SIZE, "%" PRId64 ".%" PRId64 "s",
		    ms / SECOND_MS, ms % SECOND_MS / 100);
	else
		snprintf(text, CTL_TEXT_SIZE, "%" PRId64 "%c %" PRId64 "%c",
		    ms / units[i].ms, units[i].name,
		    ms % units[i].ms / units[i + 1].ms, units[i + 1].name);
	return text;
}

const char *
ctl_format_size(char text[CTL_TEXT_SIZE], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double size = (double)bytes / 1024;
	int i = 0;

	if (bytes < 1024) {
		snprintf(text, CTL_TEXT_SIZE, "%" PRIu64, bytes);
		return text;
	}
	/* What would be rounded to 1024.0 is 1.0 of the next unit. */
	for (; size >= 1023.95; i++)
		size /= 1024;
	snprintf(text, CTL_TEXT_SIZE, "%.1f%c", size, units[i]);
	return text;
}

const char *
ctl_format_number(char text[CTL_TEXT_SIZE], uint64_t number)
{
	snprintf(text, CTL_TEXT_SIZE, "%" PRIu64, number);
	return text;
}
