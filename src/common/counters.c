/*
 * counters: the names of what kvd counts.  Pure data, for all processes.
 */

#include "common/counters.h"

static const char *const close_reasons[CLOSE_REASONS] = {
	[CLOSE_FAILED] = "failed",
	[CLOSE_DIED] = "died",
	[CLOSE_QUIT] = "quit",
	[CLOSE_END] = "end",
	[CLOSE_BROKEN] = "broken",
	[CLOSE_FIRST_COMMAND] = "first-command-timeout",
	[CLOSE_IDLE] = "idle-timeout",
	[CLOSE_WRITE] = "write-timeout",
	[CLOSE_LAGGED] = "lagged",
	[CLOSE_FOREIGN] = "foreign-protocol",
	[CLOSE_DISMISSED] = "disconnected",
	[CLOSE_SHUTDOWN] = "shutdown",
	[CLOSE_MEMORY] = "no-memory",
	[CLOSE_REGISTRY] = "registry",
};

static const char *const refuse_reasons[REFUSE_REASONS] = {
	[REFUSE_MAX_CLIENTS] = "max-clients",
	[REFUSE_MAX_CLIENTS_PER_SOURCE] = "max-clients-per-source",
	[REFUSE_SHORTAGE] = "shortage",
	[REFUSE_SUSPENDED] = "suspended",
};

static const char *const processes[COUNTED_PROCESSES] = {
	[COUNTED_CHECKPOINTER] = "checkpointer",
	[COUNTED_REGISTRY] = "registry",
	[COUNTED_ACCEPTOR] = "acceptor",
};

#define ONE(name, kind, first, help)                            \
	{                                                       \
		name, help, COUNTER_KIND_##kind, NULL, NULL, 1, \
		    COUNTER_##first                             \
	}
#define LABELED(name, kind, label, labels, count, first, help)         \
	{                                                              \
		name, help, COUNTER_KIND_##kind, label, labels, count, \
		    COUNTER_##first                                    \
	}

static const struct counter_family families[] = {
	ONE("clients-accepted", COUNTER, ACCEPTED,
	    "Clients that got a worker: those connected and those closed."),
	ONE("clients-connected", GAUGE, CURRENT, "Clients connected now."),
	LABELED("clients-refused", COUNTER, "reason", refuse_reasons,
	    REFUSE_REASONS, REFUSED,
	    "Clients that were refused before they had a worker."),
	LABELED("clients-closed", COUNTER, "reason", close_reasons,
	    CLOSE_REASONS, CLOSED,
	    "Connections of clients that have ended, by the reason."),
	ONE("bytes-received", COUNTER, RECEIVED,
	    "Bytes that clients have sent."),
	ONE("bytes-sent", COUNTER, SENT, "Bytes that clients were sent."),
	LABELED("command-errors", COUNTER, "command", NULL, COUNTERS_COMMANDS,
	    ERRORS,
	    "Commands that were answered with ERROR or UNKNOWN COMMAND."),
	LABELED("command-time", HISTOGRAM, "command", NULL, COUNTERS_COMMANDS,
	    COMMAND_TIME,
	    "Time from the read that brought a command until the worker had "
	    "written all replies to what that read had brought."),
	ONE("requests", COUNTER, REQUESTS,
	    "Requests carried out, local-hits among them."),
	ONE("local-hits", COUNTER, LOCAL_HITS,
	    "Requests that a worker has answered from the cache, without the "
	    "registry."),
	ONE("workers", GAUGE, WORKERS_CONNECTED,
	    "Workers connected to the registry."),
	ONE("refused-workers", COUNTER, REFUSED_WORKERS,
	    "Connections of workers that the registry refused or closed."),
	ONE("held", GAUGE, HELD,
	    "Workers whose writes wait for the checkpointer."),
	ONE("commits", COUNTER, COMMITS, "Commits that the registry has made."),
	ONE("commit-bytes", COUNTER, COMMIT_BYTES,
	    "Bytes of all commits in the log."),
	ONE("commit-time", HISTOGRAM, COMMIT_TIME,
	    "Time that a commit took, syncing included with sync always."),
	ONE("sync-time", HISTOGRAM, SYNC_TIME,
	    "Time that a sync took, with an interval as sync."),
	ONE("revision", COUNTER, REVISION,
	    "Number of the last commit to the store."),
	ONE("buckets", GAUGE, BUCKETS, "Buckets."),
	ONE("damaged-buckets", GAUGE, DAMAGED,
	    "Buckets that cannot be used because pages of them are damaged."),
	ONE("keys", GAUGE, KEYS, "Keys in all buckets."),
	ONE("expiring", GAUGE, EXPIRING, "Keys with a time to live."),
	ONE("expired", COUNTER, EXPIRED,
	    "Keys that were removed because their time was up."),
	ONE("dropped", GAUGE, DROPPED,
	    "Keys of dropped buckets that still take space."),
	ONE("outcomes", GAUGE, OUTCOMES,
	    "Sessions whose last replies are kept."),
	ONE("pins", GAUGE, PINS, "Snapshots that listings hold."),
	ONE("file-bytes", GAUGE, FILE_BYTES,
	    "Disk space allocated to the store."),
	ONE("used-bytes", GAUGE, USED_BYTES,
	    "Part of the store's disk space that is in use."),
	ONE("log-bytes", GAUGE, LOG_BYTES,
	    "Bytes in the log that are not folded into data.mdb yet."),
	ONE("log-size", GAUGE, LOG_SIZE,
	    "Bytes that the log's segments may have together."),
	ONE("folds", COUNTER, FOLDS,
	    "Segments of the log that were folded into data.mdb."),
	ONE("fold-done", GAUGE, FOLD_DONE,
	    "Keys that are done of the segment being folded."),
	ONE("fold-keys", GAUGE, FOLD_TOTAL,
	    "Keys in the segment being folded, or 0."),
	ONE("cache-hits", COUNTER, CACHE_HITS,
	    "Reads that found their entry in the registry's cache."),
	ONE("cache-misses", COUNTER, CACHE_MISSES,
	    "Reads that did not find their entry in the registry's cache."),
	ONE("subscribers", GAUGE, SUBSCRIBERS,
	    "Clients that have subscribed to a bucket."),
	ONE("events", COUNTER, EVENTS,
	    "Changes that subscribers were told, counted for each of them."),
	ONE("lagged", COUNTER, LAGGED,
	    "Subscribers that the registry found too slow."),
	LABELED("restarts", COUNTER, "process", processes, COUNTED_PROCESSES,
	    RESTARTS, "Restarts of processes that had ended unasked."),
};

const struct counter_family *
counters_family(size_t i)
{
	return i < sizeof(families) / sizeof(families[0]) ? &families[i] : NULL;
}

const char *
counters_close_reason(unsigned int reason)
{
	return close_reasons[reason < CLOSE_REASONS ? reason : CLOSE_FAILED];
}
