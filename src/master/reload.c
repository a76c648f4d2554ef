/*
 * reload: applies a new configuration.  Runs in the master.  The registry is
 * sent the configuration.  Acceptors are replaced; their workers keep the old
 * configuration, and the master adopts them.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/children.h"
#include "master/control_socket.h"
#include "master/limits.h"
#include "master/prepare.h"
#include "master/reload.h"
#include "master/report.h"

/* Logs the mistakes, one line each, and keeps them for kvctl(8).  Returns 0 if
 * there are none, or -1. */
static int
report_errors(struct master *m, int status, const struct buf *errors)
{
	log_lines(errors);
	buf_append(&m->reload_mistakes, buf_data(errors), buf_size(errors));
	if (buf_failed(errors))
		log_warnx("out of memory");
	return status == EX_OK ? 0 : -1;
}

/* One line, for the same two. */
static void
report_error(struct master *m, const char *error)
{
	log_warnx("%s", error);
	(void)config_mistake(&m->reload_mistakes, "%s", error);
}

static int
keep_fixed(struct master *m, struct config *fresh)
{
	struct buf names;
	int rc;

	buf_init(&names);
	rc = config_keep_fixed(fresh, m->config, &names);
	if (rc == -1)
		report_error(m, "out of memory");
	else if (buf_size(&names) > 0)
		log_warnx("restart kvd to change %.*s", (int)buf_size(&names),
		    (char *)buf_data(&names));
	buf_clear(&names);
	return rc;
}

/* The memory that workers read is made once, when kvd starts. */
static void
warn_of_cache(const struct master *m, const struct config *fresh)
{
	if (m->cache_made < fresh->cache)
		log_warnx("cache: %lld bytes are used; restart kvd to use more",
		    (long long)m->cache_made);
}

/* Returns 0, or -1 having logged why not. */
static int
read_config(struct master *m, struct config *fresh)
{
	struct buf errors;
	int rc;

	if (config_init(fresh) == -1) {
		report_error(m, "out of memory");
		return -1;
	}
	buf_init(&errors);
	rc = report_errors(m,
	    master_options_config(m->options, fresh, true, &errors), &errors);
	buf_clear(&errors);
	if (rc == -1 || keep_fixed(m, fresh) == -1)
		return -1;
	warn_of_cache(m, fresh);
	return limits_apply(fresh);
}

/* Returns 0, or -1 having logged why not. */
static int
change_listeners(struct master *m, const struct config *fresh)
{
	char error[CONFIG_ERROR_SIZE];

	if (control_socket_change(m, fresh, error) == -1 ||
	    listeners_change(&m->listeners, fresh, error) == -1) {
		report_error(m, error);
		if (control_socket_change(m, m->config, error) == -1)
			log_warnx("%s", error);
		return -1;
	}
	prepare_listens(m);
	return 0;
}

static void
restart_heartbeat(struct master *m, struct child *c)
{
	heartbeat_start(&c->heartbeat,
	    c->policy.state == POLICY_READY ? child_heartbeat_ms(c, m->config) :
					      0,
	    clock_ms());
}

/* Sends the registry its configuration, unless it is replaced. */
static void
tell_registry(struct master *m)
{
	struct child *c = &m->children[REGISTRY];

	restart_heartbeat(m, c);
	if (!children_repair(m))
		child_configure(c, m->config, &m->params);
}

void
reload(struct master *m)
{
	struct config fresh;

	m->reload_wanted = false;
	buf_truncate(&m->reload_mistakes, 0);
	report_reload(m);
	if (read_config(m, &fresh) == -1 || change_listeners(m, &fresh) == -1) {
		log_warnx("the configuration stays as it was");
		m->reload_failed = true;
		config_clear(&fresh);
		return;
	}
	config_clear(m->config);
	config_move(m->config, &fresh);
	restart_heartbeat(m, &m->children[CHECKPOINTER]);
	tell_registry(m);
	children_replace_acceptors(m);
	log_info("the configuration was read again");
	listeners_warn(&m->listeners, m->config);
}
