/*
 * users: who the children become.  Runs in the master when it starts, since
 * looking up a name may take long, and in `kvd -n`.
 */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/directory.h"
#include "common/exit.h"
#include "common/log.h"
#include "master/users.h"

/* The next one means "no change" to setresuid(2). */
#define UID_LARGEST (UINT32_MAX - 1)
#define DATA_MODE 0700

static bool
is_given(const char *name)
{
	return strcmp(name, CONFIG_USER_SELF) != 0;
}

/* Names may consist of digits, so a number is looked up as a name first. */
static int
look_up(const char *keyword, const char *name, struct privileges_user *u,
    char *error)
{
	const struct passwd *pw;
	const char *why = NULL;
	uid_t uid;
	int saved;

	errno = 0;
	pw = getpwnam(name);
	saved = errno;
	if (pw == NULL && saved == 0) {
		uid = (uid_t)strtonum(name, 0, UID_LARGEST, &why);
		errno = 0;
		if (why == NULL)
			pw = getpwuid(uid);
		saved = errno;
	}
	if (pw == NULL && exit_status_of(saved) == EX_OSERR) {
		snprintf(error, CONFIG_ERROR_SIZE,
		    "%s: cannot look up \"%s\": %s", keyword, name,
		    strerror(saved));
		errno = saved;
		return -1;
	}
	if (pw == NULL) {
		errno = ENOENT;
		snprintf(error, CONFIG_ERROR_SIZE,
		    "%s: there is no user \"%s\": create it, or name another "
		    "one",
		    keyword, name);
		return -1;
	}
	*u = (struct privileges_user){ .uid = pw->pw_uid, .gid = pw->pw_gid };
	return 0;
}

/* Who is not root can become nobody else. */
static int
find_self(const char *keyword, const char *name, char *error)
{
	struct privileges_user u;

	if (!is_given(name))
		return 0;
	if (look_up(keyword, name, &u, error) == -1)
		return -1;
	if (u.uid == geteuid())
		return 0;
	errno = EPERM;
	snprintf(error, CONFIG_ERROR_SIZE,
	    "%s: kvd is started by user %lu and cannot become \"%s\": start it "
	    "as root, or remove the line",
	    keyword, (unsigned long)geteuid(), name);
	return -1;
}

static int
complain_of_one(bool has_user, char *error)
{
	errno = EINVAL;
	snprintf(error, CONFIG_ERROR_SIZE,
	    "%s is given and %s is not: when root starts kvd it needs both",
	    has_user ? "user" : "registry-user",
	    has_user ? "registry-user" : "user");
	return -1;
}

int
users_find(const struct config *c, struct privileges *p, char *error)
{
	bool has_user = is_given(c->user);

	*p = (struct privileges){ .user = { geteuid(), getegid() } };
	p->registry_user = p->user;
	if (geteuid() != 0)
		return find_self("user", c->user, error) == -1 ?
		    -1 :
		    find_self("registry-user", c->registry_user, error);
	if (has_user != is_given(c->registry_user))
		return complain_of_one(has_user, error);
	if (!has_user)
		return 0;
	if (look_up("user", c->user, &p->user, error) == -1 ||
	    look_up("registry-user", c->registry_user, &p->registry_user,
		error) == -1)
		return -1;
	p->switches = p->user.uid != 0 && p->registry_user.uid != 0;
	if (p->switches || p->user.uid == p->registry_user.uid)
		return 0;
	errno = EINVAL;
	snprintf(error, CONFIG_ERROR_SIZE,
	    "only one of user and registry-user is root: name another one");
	return -1;
}

int
users_provide_data(const struct config *c, const struct privileges *p,
    char *error)
{
	if (!p->switches)
		return 0;
	return directory_provide(c->data, DATA_MODE, p->registry_user.uid,
	    p->registry_user.gid, error, CONFIG_ERROR_SIZE);
}

void
users_warn(const struct config *c, const struct privileges *p)
{
	if (geteuid() == 0 && !is_given(c->user))
		log_warnx("all processes run as root, also those that read "
			  "what clients send: set user and registry-user "
			  "(kvd.conf(5))");
	else if (p->switches && p->user.uid == p->registry_user.uid)
		log_warnx("user and registry-user are the same: a worker that "
			  "was taken over could reach the registry and the "
			  "data; name two users");
}
