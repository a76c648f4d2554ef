/*
 * config_listen: parses the values of `listen` and `control`, and compares
 * addresses.  Runs in the master and its children.
 */

#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_value.h"

/* The mode of a Unix socket, unless it is given: for the user alone. */
#define LISTEN_MODE 0600
/* The mode of the control socket: for the user, who may act, and the group,
 * which may look. */
#define CONTROL_MODE 0660

static int
listen_unix(struct config_listen *l, const char *path, char *error)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)(void *)&l->addr;

	if (config_check_path("listen", path, error) == -1)
		return -1;
	if (strlen(path) >= sizeof(sun->sun_path))
		return config_error(error,
		    "listen: path of a Unix socket is longer than %zu bytes",
		    sizeof(sun->sun_path) - 1);
	memcpy(sun->sun_path, path, strlen(path) + 1);
	sun->sun_family = AF_UNIX;
	l->addr_size = sizeof(*sun);
	return 0;
}

static int
listen_error(const char *value, char *error)
{
	return config_error(error,
	    "listen: \"%s\" is not ADDRESS:PORT, [IPv6-ADDRESS]:PORT or "
	    "unix PATH",
	    value);
}

/* Parses ADDRESS:PORT or [IPv6-ADDRESS]:PORT. */
static int
listen_inet(struct config_listen *l, const char *value, char *error)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)(void *)&l->addr;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)&l->addr;
	char host[sizeof(l->text)], *end;
	bool bracketed = value[0] == '[';
	int64_t port;

	(void)strcpy(host, value);
	end = bracketed ? strstr(host, "]:") : strrchr(host, ':');
	if (end == NULL)
		return listen_error(value, error);
	*end = '\0';
	end += bracketed ? 2 : 1;
	if ((port = config_parse_count(end, 65535)) == -1)
		return config_error(error,
		    "listen: \"%s\" is not a port (0 to 65535)", end);
	if (!bracketed && inet_pton(AF_INET, host, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)port);
		l->addr_size = sizeof(*sin);
		return 0;
	}
	if (!bracketed || inet_pton(AF_INET6, host + 1, &sin6->sin6_addr) != 1)
		return listen_error(value, error);
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons((uint16_t)port);
	l->addr_size = sizeof(*sin6);
	return 0;
}

void
config_clear_listens(struct config *c)
{
	struct config_listen *l;

	while ((l = TAILQ_FIRST(&c->listens)) != NULL) {
		TAILQ_REMOVE(&c->listens, l, entry);
		free(l);
	}
}

/* Cuts the first word off *text and returns it, or NULL if there is none. */
static char *
take_first(char **text)
{
	char *word;

	do
		word = strsep(text, CONFIG_BLANKS);
	while (word != NULL && *word == '\0');
	return word;
}

/* Cuts the last word off `value` and returns it, or NULL if it is the only
 * one. */
static char *
take_last(char *value)
{
	char *end = value + strlen(value), *word;

	for (word = end; word > value; word--)
		if (strchr(CONFIG_BLANKS, word[-1]) != NULL)
			break;
	if (word == value)
		return NULL;
	for (end = word; end > value && strchr(CONFIG_BLANKS, end[-1]); end--)
		end[-1] = '\0';
	return word;
}

static int
set_mode(mode_t *to, const char *keyword, const char *mode, char *error)
{
	if (strspn(mode, "01234567") != strlen(mode) || strlen(mode) > 4 ||
	    strtol(mode, NULL, 8) > 0777)
		return config_error(error,
		    "%s: \"%s\" is not a mode in octal from 0 to 0777, "
		    "such as 0660",
		    keyword, mode);
	*to = (mode_t)strtol(mode, NULL, 8);
	return 0;
}

static int
set_group(char to[CONFIG_GROUP_SIZE], const char *keyword, const char *group,
    char *error)
{
	if (snprintf(to, CONFIG_GROUP_SIZE, "%s", group) < CONFIG_GROUP_SIZE)
		return 0;
	return config_error(error, "%s: the name of the group is too long",
	    keyword);
}

/*
 * Cuts one option off the end of `value`: "optional" or, for a Unix socket,
 * "mode MODE" or "group GROUP".  They may follow the address in any order.
 * Returns 1 if there was an option, 0 if there was none, and -1 for a mistake.
 */
static int
take_listen_option(struct config_listen *l, bool is_unix, char *value,
    char *error)
{
	char copy[CONFIG_LISTEN_SIZE], *last, *name;
	int rc;

	(void)strcpy(copy, value);
	if ((last = take_last(copy)) == NULL)
		return 0;
	if (strcmp(last, "optional") == 0) {
		l->optional = true;
		(void)strcpy(value, copy);
		return 1;
	}
	if (!is_unix || (name = take_last(copy)) == NULL)
		return 0;
	if (strcmp(name, "mode") == 0)
		rc = set_mode(&l->mode, "listen", last, error);
	else if (strcmp(name, "group") == 0)
		rc = set_group(l->group, "listen", last, error);
	else
		return 0;
	(void)strcpy(value, copy);
	return rc == 0 ? 1 : -1;
}

/* Parses the value, which is in l->text. */
static int
set_listen(struct config_listen *l, char *error)
{
	char value[CONFIG_LISTEN_SIZE];
	bool is_unix = strncmp(l->text, "unix", 4) == 0 &&
	    strchr(CONFIG_BLANKS, l->text[4]) != NULL;
	int rc;

	(void)strcpy(value, l->text);
	while ((rc = take_listen_option(l, is_unix, value, error)) == 1)
		;
	if (rc == -1)
		return -1;
	if (is_unix)
		return listen_unix(l,
		    value + 4 + strspn(value + 4, CONFIG_BLANKS), error);
	return listen_inet(l, value, error);
}

int
config_add_listen(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	struct config_listen *l;
	int rc;

	(void)k;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return config_error(error, "out of memory");
	l->mode = LISTEN_MODE;
	if ((size_t)snprintf(l->text, sizeof(l->text), "%s", value) >=
	    sizeof(l->text))
		rc = config_error(error, "listen: value too long");
	else
		rc = set_listen(l, error);
	if (rc == -1) {
		free(l);
		return -1;
	}
	if (!c->listens_given)
		config_clear_listens(c);
	c->listens_given = true;
	TAILQ_INSERT_TAIL(&c->listens, l, entry);
	return 0;
}

static struct config_control *
control_field(struct config *c, const struct keyword *k)
{
	return (struct config_control *)(void *)((char *)c + k->offset);
}

int
config_set_control(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	struct config_control control = { .mode = CONTROL_MODE };
	char copy[CONFIG_LISTEN_SIZE], *next = copy, *name, *word;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", value) >= sizeof(copy))
		return config_error(error, "control: value too long");
	while ((name = take_first(&next)) != NULL) {
		word = take_first(&next);
		if (word != NULL && strcmp(name, "mode") == 0) {
			if (set_mode(&control.mode, k->name, word, error) == -1)
				return -1;
		} else if (word != NULL && strcmp(name, "group") == 0) {
			if (set_group(control.group, k->name, word, error) ==
			    -1)
				return -1;
		} else
			return config_error(error,
			    "control: \"%s\" is not mode MODE, group GROUP, or "
			    "both",
			    value);
	}
	*control_field(c, k) = control;
	return 0;
}

void
config_print_control(const struct config *config, const struct keyword *k,
    struct buf *b)
{
	struct config copy = *config; /* for the accessor */
	const struct config_control *control = control_field(&copy, k);
	char line[64 + CONFIG_GROUP_SIZE];

	snprintf(line, sizeof(line), "%s mode %04o%s%s\n", k->name,
	    (unsigned int)control->mode,
	    control->group[0] == '\0' ? "" : " group ", control->group);
	buf_append_text(b, line);
}

static bool
is_loopback_v6(const struct in6_addr *in6)
{
	return IN6_IS_ADDR_LOOPBACK(in6) ||
	    (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == IN_LOOPBACKNET);
}

bool
config_is_exposed(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;

	if (addr->ss_family == AF_INET)
		return ntohl(sin->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
	return addr->ss_family == AF_INET6 && !is_loopback_v6(&sin6->sin6_addr);
}

bool
config_same_address(const struct config_listen *a,
    const struct config_listen *b)
{
	return a->addr_size == b->addr_size &&
	    memcmp(&a->addr, &b->addr, a->addr_size) == 0;
}

/* For port 0 the kernel chooses a free port, a different one each time. */
static bool
has_any_port(const struct config_listen *l)
{
	const struct sockaddr_in *sin = (const void *)&l->addr;
	const struct sockaddr_in6 *sin6 = (const void *)&l->addr;

	return (l->addr.ss_family == AF_INET && sin->sin_port == 0) ||
	    (l->addr.ss_family == AF_INET6 && sin6->sin6_port == 0);
}

/* Does the first stand for all addresses of its family, the second among
 * them? */
static bool
includes(const struct config_listen *all, const struct config_listen *one)
{
	const struct sockaddr_in *sin = (const void *)&all->addr;
	const struct sockaddr_in *other = (const void *)&one->addr;
	const struct sockaddr_in6 *sin6 = (const void *)&all->addr;
	const struct sockaddr_in6 *other6 = (const void *)&one->addr;

	if (all->addr.ss_family != one->addr.ss_family)
		return false;
	if (all->addr.ss_family == AF_INET)
		return sin->sin_addr.s_addr == htonl(INADDR_ANY) &&
		    sin->sin_port == other->sin_port;
	return all->addr.ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&sin6->sin6_addr) &&
	    sin6->sin6_port == other6->sin6_port;
}

bool
config_listens_overlap(const struct config_listen *a,
    const struct config_listen *b)
{
	return !has_any_port(a) &&
	    (config_same_address(a, b) || includes(a, b) || includes(b, a));
}

int
config_check_listens(const struct config *c, struct buf *errors)
{
	const struct config_listen *l, *other;
	int rc = 0;

	TAILQ_FOREACH(l, &c->listens, entry) {
		for (other = TAILQ_FIRST(&c->listens); other != l;
		     other = TAILQ_NEXT(other, entry))
			if (config_listens_overlap(l, other))
				break;
		if (other != l)
			rc = config_mistake(errors, "listen: %s and %s are %s",
			    other->text, l->text,
			    config_same_address(l, other) ?
				"the same address" :
				"one too many: one of them includes the other");
	}
	return rc;
}
