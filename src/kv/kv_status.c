/*
 * kv_status: from status lines to exit statuses.
 */

#include "kv/kv_status.h"

/* The server closes the connection after these.  The request may be tried
 * again on another one. */
static const char *const farewells[] = {
	"too many clients",
	"too many clients from your address",
	"not accepting clients",
	"idle timeout",
	"shutting down",
	"disconnected",
	"lagged",
};

static bool
is_reason(const struct reply_line *line, const char *text)
{
	return line->status == REPLY_ERROR && bytes_are(line->reason, text);
}

bool
kv_status_is_farewell(const struct reply_line *line)
{
	size_t i;

	for (i = 0; i < sizeof(farewells) / sizeof(farewells[0]); i++)
		if (is_reason(line, farewells[i]))
			return true;
	return false;
}

enum kv_status
kv_status_of(const struct reply_line *line)
{
	switch (line->status) {
	case REPLY_OK:
	case REPLY_QUEUED:
		return KV_DONE;
	case REPLY_NOT_FOUND:
	case REPLY_CONFLICT:
		return KV_NOT_FOUND;
	case REPLY_UNKNOWN_COMMAND:
	case REPLY_ERROR:
		break;
	}
	if (kv_status_is_farewell(line) ||
	    is_reason(line, "registry unavailable"))
		return KV_UNREACHABLE;
	return KV_REFUSED;
}

enum kv_status
kv_status_worse(enum kv_status a, enum kv_status b)
{
	/* KV_UNREACHABLE tells most: of the rest nobody knows whether it was
	 * done. */
	if (a == KV_UNREACHABLE || b == KV_UNREACHABLE)
		return KV_UNREACHABLE;
	return a > b ? a : b;
}
