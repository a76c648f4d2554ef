/*
 * log_limit: how often a message of one kind is logged.  Pure code, for any
 * process.
 */

#include "common/log_limit.h"

bool
log_limit_allows(struct log_limit *l, int64_t now_ms, unsigned long *skipped)
{
	return log_limit_allows_some(l, 1, now_ms, skipped);
}

bool
log_limit_allows_some(struct log_limit *l, unsigned int max, int64_t now_ms,
    unsigned long *skipped)
{
	if (now_ms >= l->next_ms) {
		l->next_ms = now_ms + LOG_LIMIT_MS;
		l->lines = 0;
	}
	if (l->lines >= max) {
		l->skipped++;
		return false;
	}
	l->lines++;
	*skipped = l->skipped;
	l->skipped = 0;
	return true;
}
