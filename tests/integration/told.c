/*
 * told: see told.h.
 */

#include "told.h"

/* A registry that is killed often is started again at once. */
#define UNTHROTTLED "restart-limit 1000 in 1s"
#define PATIENT "registry-timeout 60s"
#define MAX_VALUE "16k"
#define SMALL_LOG "9M"

struct server *server;

void
told_setup(void)
{
	static const char *const options[] = { "sync never", PATIENT,
		UNTHROTTLED, NULL };

	server = server_start(options);
}

void
told_setup_small_log(void)
{
	static const char *const options[] = { "sync never", PATIENT,
		UNTHROTTLED, "max-value " MAX_VALUE, "log-size " SMALL_LOG,
		NULL };

	server = server_start(options);
}

void
told_teardown(void)
{
	server_stop(server);
}

void
kill_registry(void)
{
	process_kill(server_pid(server, "registry"));
}

int
connect_writer(void)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE a\nCREATE b\n", "OK\r\nOK\r\n");
	return fd;
}

void
put_large(int fd, const char *bucket, unsigned int from, unsigned int n,
    bool together)
{
	static char value[LARGE + 1];
	struct buf out = { 0 }, want = { 0 };
	unsigned int i;

	memset(value, 'v', LARGE);
	if (together) {
		add(&out, "BEGIN\n");
		add(&want, "OK\r\n");
	}
	for (i = from; i < from + n; i++) {
		add(&out, "PUT %s k%u ", bucket, i);
		buf_append_text(&out, value);
		add(&out, "\n");
		add(&want, together ? "QUEUED\r\n" : "OK\r\n");
	}
	if (together) {
		add(&out, "COMMIT\n");
		for (i = 0; i <= n; i++)
			add(&want, "OK\r\n");
	}
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
}

void
hear_end(struct stream *s)
{
	client_say(s->fd, "PING\nECHO end\n");
	stream_hear(s, "OK");
	stream_hear(s, "end");
	stream_hear(s, "OK");
}
