/*
 * log_limit: how often a message of one kind is logged.  Pure code, for any
 * process.
 */

#include "common/log_limit.h"

bool
log_limit_allows(struct log_limit *l, int64_t now_ms, unsigned long *skipped)
{
	if (now_ms < l->next_ms) {
		l->skipped++;
		return false;
	}
	*skipped = l->skipped;
	l->skipped = 0;
	l->next_ms = now_ms + LOG_LIMIT_MS;
	return true;
}
