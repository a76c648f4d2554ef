/*
 * control_socket: makes and removes the socket of kvctl(8).  Runs in the
 * master.
 */

#include <stdio.h>
#include <string.h>

#include "common/control.h"
#include "common/log.h"
#include "master/control_socket.h"
#include "master/listener.h"

static void
set_owner(struct config_listen *l, const struct config *config)
{
	l->mode = config->control.mode;
	(void)strlcpy(l->group, config->control.group, sizeof(l->group));
}

static int
open_socket(struct master *m, struct listener *l, char *error)
{
	struct config_listen listen;

	if (listener_name_private(&listen, m->config->runtime, CONTROL_SOCKET,
		error) == -1)
		return -1;
	set_owner(&listen, m->config);
	return listener_open_private(l, &listen, error);
}

int
control_socket_open(struct master *m, char *error)
{
	return open_socket(m, &m->control_listener, error);
}

int
control_socket_change(struct master *m, const struct config *config,
    char *error)
{
	struct config_listen listen = m->control_listener.listen;

	gid_t gid;

	set_owner(&listen, config);
	/* One that was removed is made anew by control_socket_repair(). */
	if (!listener_has_name(&m->control_listener))
		return listener_find_group(&listen, &gid, error);
	return listener_change(&m->control_listener, &listen, config, error);
}

void
control_socket_repair(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	struct listener fresh;

	if (listener_has_name(&m->control_listener))
		return;
	if (open_socket(m, &fresh, error) == -1) {
		log_warnx("%s", error);
		return;
	}
	log_warnx("%s was gone; made again", fresh.listen.text);
	listener_close(&m->control_listener);
	m->control_listener = fresh;
}

void
control_socket_close(struct master *m)
{
	listener_close(&m->control_listener);
}
