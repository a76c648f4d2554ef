/*
 * listeners: the set of sockets for clients, and how a new configuration
 * changes it.  Runs in the master.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "master/listeners.h"

static int
no_memory(char *error)
{
	(void)strlcpy(error, "out of memory", CONFIG_ERROR_SIZE);
	return -1;
}

static size_t
count_listens(const struct config *config)
{
	const struct config_listen *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &config->listens, entry)
		n++;
	return n;
}

/* Makes an empty set for up to `n` sockets. */
static int
init(struct listeners *set, size_t n, char *error)
{
	*set = (struct listeners){ 0 };
	set->list = calloc(n, sizeof(*set->list));
	set->fds = calloc(n, sizeof(*set->fds));
	if (set->list != NULL && set->fds != NULL)
		return 0;
	listeners_close(set);
	return no_memory(error);
}

/* Counts the next socket of the list, which the caller has filled in. */
static void
add(struct listeners *set)
{
	int fd = set->list[set->size++].fd;

	if (fd != -1)
		set->fds[set->count++] = fd;
}

/* Returns the socket at this address, or NULL. */
static struct listener *
find(const struct listeners *set, const struct config_listen *listen)
{
	size_t i;

	for (i = 0; i < set->size; i++)
		if (listener_is_at(&set->list[i], listen))
			return &set->list[i];
	return NULL;
}

static bool
has_fd(const struct listeners *set, int fd)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		if (set->fds[i] == fd)
			return true;
	return false;
}

/* Clears the set, and closes its sockets, except those that `kept` has, too. */
static void
close_but(struct listeners *set, const struct listeners *kept)
{
	size_t i;

	for (i = 0; i < set->size; i++)
		if (set->list[i].fd != -1 && !has_fd(kept, set->list[i].fd))
			listener_close(&set->list[i]);
	free(set->list);
	free(set->fds);
	*set = (struct listeners){ 0 };
}

/* Adds the socket of `old` that has this address, or else opens a new one. */
static int
get(struct listeners *set, const struct listeners *old,
    const struct config_listen *listen, const struct config *config, bool wait,
    char *error)
{
	struct listener *l = &set->list[set->size], *same = find(old, listen);

	if (same == NULL || has_fd(set, same->fd)) {
		if (listener_open(l, listen, config, wait, error) == -1)
			return -1;
	} else {
		*l = *same;
		if (listener_change(l, listen, config, error) == -1)
			return -1;
	}
	add(set);
	if (l->fd == -1)
		snprintf(error, CONFIG_ERROR_SIZE,
		    "no address is left to listen on: %s is not available",
		    listen->text);
	return 0;
}

static int
build(struct listeners *set, const struct listeners *old,
    const struct config *config, bool wait, char *error)
{
	const struct config_listen *l;

	if (init(set, count_listens(config), error) == -1)
		return -1;
	TAILQ_FOREACH(l, &config->listens, entry)
		if (get(set, old, l, config, wait, error) == -1)
			break;
	if (l == NULL && set->count > 0)
		return 0;
	close_but(set, old);
	return -1;
}

int
listeners_open(struct listeners *set, const struct config *config, char *error)
{
	static const struct listeners none;

	return build(set, &none, config, true, error);
}

int
listeners_adopt(struct listeners *set, const int *fds, size_t n,
    const struct config *config, char *error)
{
	if (init(set, n, error) == -1)
		return -1;
	set->adopted = true;
	while (set->size < n) {
		if (listener_adopt(&set->list[set->size], fds[set->size],
			config, error) == -1) {
			listeners_close(set);
			return -1;
		}
		add(set);
	}
	return 0;
}

/* Inherited sockets stay, regardless of `listen`. */
static int
change_adopted(struct listeners *set, const struct config *config, char *error)
{
	size_t i;

	for (i = 0; i < set->size; i++)
		if (listener_change(&set->list[i], &set->list[i].listen, config,
			error) == -1)
			return -1;
	return 0;
}

/* Would this socket, which the configuration no longer has, keep one that it has
 * from being bound: 127.0.0.1:4040 and 0.0.0.0:4040? */
static bool
is_in_the_way(const struct listener *l, const struct config *config)
{
	const struct config_listen *listen;
	bool overlaps = false;

	/* Another one can be bound to the path of a Unix socket, which would not
	 * listen again. */
	if (l->listen.addr.ss_family == AF_UNIX)
		return false;
	TAILQ_FOREACH(listen, &config->listens, entry) {
		if (listener_is_at(l, listen))
			return false;
		overlaps =
		    overlaps || config_listens_overlap(&l->listen, listen);
	}
	return overlaps && l->fd != -1;
}

static void
pause_those_in_the_way(const struct listeners *set, const struct config *config)
{
	size_t i;

	for (i = 0; i < set->size; i++)
		if (is_in_the_way(&set->list[i], config))
			listener_pause(&set->list[i]);
}

static void
resume_those_in_the_way(const struct listeners *set,
    const struct config *config)
{
	char error[CONFIG_ERROR_SIZE];
	size_t i;

	for (i = 0; i < set->size; i++)
		if (is_in_the_way(&set->list[i], config) &&
		    listener_resume(&set->list[i], error) == -1)
			log_warnx("%s", error);
}

int
listeners_change(struct listeners *set, const struct config *config,
    char *error)
{
	struct listeners fresh;

	if (set->adopted)
		return change_adopted(set, config, error);
	pause_those_in_the_way(set, config);
	if (build(&fresh, set, config, false, error) == -1) {
		resume_those_in_the_way(set, config);
		return -1;
	}
	close_but(set, &fresh);
	*set = fresh;
	return 0;
}

bool
listeners_lack_names(const struct listeners *set)
{
	size_t i;

	for (i = 0; i < set->size; i++)
		if (!listener_has_name(&set->list[i]))
			return true;
	return false;
}

void
listeners_close(struct listeners *set)
{
	static const struct listeners none;

	close_but(set, &none);
}

void
listeners_warn_of(const char *name)
{
	log_warnx("other machines may reach %s, and kvd has neither passwords "
		  "nor encryption: whoever connects can read and change all "
		  "data, and others on the way, too; if a firewall admits only "
		  "whom you trust, say so with \"insecure yes\"",
	    name);
}

void
listeners_warn(const struct listeners *set, const struct config *config)
{
	char name[LISTENER_NAME_SIZE];
	struct sockaddr_storage addr;
	socklen_t size;
	size_t i;

	for (i = 0; i < set->count && !config->insecure; i++) {
		size = sizeof(addr);
		if (getsockname(set->fds[i], (struct sockaddr *)&addr, &size) ==
			-1 ||
		    !config_is_exposed(&addr))
			continue;
		listener_name(set->fds[i], name);
		listeners_warn_of(name);
	}
}
