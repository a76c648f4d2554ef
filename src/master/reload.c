/*
 * reload: SIGHUP.  Runs in the master.  The registry is told; acceptors are
 * replaced, and leave their workers, with the configuration that these have
 * known, to the master.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/listener.h"
#include "master/prepare.h"
#include "master/reload.h"
#include "master/report.h"
#include "master/supervise.h"

static int
read_config(struct master *m, struct config *fresh, char *error)
{
	struct buf names;
	int rc;

	if (config_init(fresh) == -1 ||
	    options_config(m->options, fresh, error) != EX_OK)
		return -1;
	buf_init(&names);
	rc = config_keep_fixed(fresh, m->config, &names);
	if (rc == -1)
		(void)strlcpy(error, "out of memory", CONFIG_ERROR_SIZE);
	else if (buf_size(&names) > 0)
		log_warnx("restart kvd to change %.*s", (int)buf_size(&names),
		    (char *)buf_data(&names));
	buf_clear(&names);
	return rc;
}

/* The descriptor of a listener that is there already, or -1. */
static int
find_listener(const struct master *m, const char *text)
{
	const struct config_listen *l;
	size_t i = 0;

	TAILQ_FOREACH(l, &m->config->listens, entry) {
		if (strcmp(l->text, text) == 0)
			return m->listen_fds[i];
		i++;
	}
	return -1;
}

static bool
has_listener(const struct config *config, const char *text)
{
	const struct config_listen *l;

	TAILQ_FOREACH(l, &config->listens, entry)
		if (strcmp(l->text, text) == 0)
			return true;
	return false;
}

/* Closes the first `n` of `config`, but for those that `kept` has too. */
static void
close_listeners(const struct config *config, const int *fds, size_t n,
    const struct config *kept)
{
	const struct config_listen *l = TAILQ_FIRST(&config->listens);
	size_t i;

	for (i = 0; i < n; i++, l = TAILQ_NEXT(l, entry)) {
		if (has_listener(kept, l->text))
			continue;
		listener_unlink(l);
		(void)close(fds[i]);
	}
}

static bool
is_among(const int *fds, size_t n, int fd)
{
	while (n > 0)
		if (fds[--n] == fd)
			return true;
	return false;
}

/* The listener that there is, or a new one.  -1: a line says why not. */
static int
get_listener(struct master *m, const struct config_listen *l, const int *fds,
    size_t n, char *error)
{
	int fd = find_listener(m, l->text);

	if (fd == -1)
		return listener_open(l, error);
	if (!is_among(fds, n, fd))
		return fd;
	snprintf(error, CONFIG_ERROR_SIZE, "listen: %s is given twice",
	    l->text);
	return -1;
}

/* Binds what is new.  Returns all descriptors, or NULL with a line about it. */
static int *
bind_listeners(struct master *m, const struct config *fresh, size_t *count,
    char *error)
{
	const struct config_listen *l;
	int *fds;
	size_t n = 0;

	TAILQ_FOREACH(l, &fresh->listens, entry)
		n++;
	if ((fds = calloc(n, sizeof(*fds))) == NULL) {
		(void)strlcpy(error, "out of memory", CONFIG_ERROR_SIZE);
		return NULL;
	}
	*count = 0;
	TAILQ_FOREACH(l, &fresh->listens, entry) {
		fds[*count] = get_listener(m, l, fds, *count, error);
		if (fds[*count] == -1) {
			close_listeners(fresh, fds, *count, m->config);
			free(fds);
			return NULL;
		}
		(*count)++;
	}
	return fds;
}

static void
tell_registry(struct master *m)
{
	struct child *c = &m->children[REGISTRY];

	heartbeat_start(&c->heartbeat,
	    c->policy.state == POLICY_READY ? m->config->heartbeat_timeout_ms :
					      0,
	    clock_ms());
	child_configure(c, m->config, &m->terms);
}

/* None is without an acceptor for longer than one takes to start. */
static void
replace_acceptors(struct master *m)
{
	struct child *c;
	bool stopped;
	int64_t i;

	for (i = 0; i < CONFIG_ACCEPTORS_MAX; i++) {
		c = &m->children[ACCEPTOR + i];
		stopped = c->policy.state == POLICY_IDLE ||
		    c->policy.state == POLICY_STOPPING;
		if (i < m->config->acceptors)
			supervise_event(m, c,
			    stopped ? POLICY_START : POLICY_REPLACE);
		else if (!stopped)
			supervise_event(m, c, POLICY_STOP);
	}
}

/* Those that are inherited stay as they are. */
static int
change_listeners(struct master *m, const struct config *fresh, char *error)
{
	size_t old_count = m->children[ACCEPTOR].listens, count;
	int *fds;

	if (m->inherits)
		return 0;
	if ((fds = bind_listeners(m, fresh, &count, error)) == NULL)
		return -1;
	close_listeners(m->config, m->listen_fds, old_count, fresh);
	free(m->listen_fds);
	prepare_listens(m, fds, count);
	return 0;
}

void
reload(struct master *m)
{
	char error[CONFIG_ERROR_SIZE] = "out of memory";
	struct config fresh;

	report_reload(m);
	if (read_config(m, &fresh, error) == -1 ||
	    change_listeners(m, &fresh, error) == -1) {
		log_warnx("%s; the configuration stays as it was", error);
		m->reload_failed = true;
		config_clear(&fresh);
		return;
	}
	config_clear(m->config);
	config_move(m->config, &fresh);
	tell_registry(m);
	replace_acceptors(m);
	log_info("the configuration was read again");
}
