/*
 * check_users: these tests look up who the processes of kvd become
 * (master/users).
 */

#include "unit.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/users.h"

/* Every system has these. */
#define USER "nobody"
#define REGISTRY_USER "daemon"

static struct config config;
static struct privileges privileges;
static char error[CONFIG_ERROR_SIZE];

static void
setup(void)
{
	ck_assert_int_eq(config_init(&config), 0);
	memset(&privileges, 0xff, sizeof(privileges));
	error[0] = '\0';
}

static void
teardown(void)
{
	config_clear(&config);
}

static int
find(const char *user, const char *registry_user)
{
	(void)strlcpy(config.user, user, sizeof(config.user));
	(void)strlcpy(config.registry_user, registry_user,
	    sizeof(config.registry_user));
	return users_find(&config, &privileges, error);
}

static void
expect_refused(const char *user, const char *registry_user, const char *why)
{
	ck_assert_int_eq(find(user, registry_user), -1);
	ck_assert_msg(strstr(error, why) != NULL, "%s", error);
	ck_assert_ptr_null(strchr(error, '\n'));
	ck_assert(!privileges.switches);
}

static void
expect_self(void)
{
	ck_assert(!privileges.switches);
	ck_assert_uint_eq(privileges.user.uid, geteuid());
	ck_assert_uint_eq(privileges.registry_user.uid, geteuid());
	ck_assert_uint_eq(privileges.user.gid, getegid());
}

static bool
is_root(void)
{
	if (geteuid() == 0 && getpwnam(USER) != NULL &&
	    getpwnam(REGISTRY_USER) != NULL)
		return true;
	printf("not running as root, or there is no user " USER
	       " or " REGISTRY_USER ": other users are not tested\n");
	return false;
}

TEST(test_none)
{
	ck_assert_int_eq(find("-", "-"), 0);
	expect_self();
}

TEST(test_two)
{
	char number[32];

	if (!is_root())
		return;
	ck_assert_int_eq(find(USER, REGISTRY_USER), 0);
	ck_assert(privileges.switches);
	ck_assert_uint_eq(privileges.user.uid, getpwnam(USER)->pw_uid);
	ck_assert_uint_eq(privileges.user.gid, getpwnam(USER)->pw_gid);
	ck_assert_uint_eq(privileges.registry_user.uid,
	    getpwnam(REGISTRY_USER)->pw_uid);
	snprintf(number, sizeof(number), "%lu",
	    (unsigned long)getpwnam(USER)->pw_uid);
	ck_assert_int_eq(find(REGISTRY_USER, number), 0);
	ck_assert_uint_eq(privileges.registry_user.uid, getpwnam(USER)->pw_uid);
	ck_assert_uint_eq(privileges.registry_user.gid, getpwnam(USER)->pw_gid);
}

TEST(test_root)
{
	if (!is_root())
		return;
	ck_assert_int_eq(find("root", "0"), 0);
	expect_self();
	expect_refused("root", REGISTRY_USER, "is root: name another one");
	expect_refused(USER, "root", "is root: name another one");
	expect_refused(USER, "-", "user is given and registry-user is not");
	expect_refused("-", USER, "registry-user is given and user is not");
}

TEST(test_unknown)
{
	static const char *const unknown[] = { "kvd-nobody", "4294967290",
		"4294967295", "-1", "0x0", "" };

	if (!is_root())
		return;
	expect_refused(unknown[_i], REGISTRY_USER, "user: there is no user");
	expect_refused(USER, unknown[_i], "registry-user: there is no user");
}

/* Anybody but root can only be itself. */
TEST(test_ordinary)
{
	if (!is_root())
		return;
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setgid(getpwnam(USER)->pw_gid), 0);
	ck_assert_int_eq(setuid(getpwnam(USER)->pw_uid), 0);
	ck_assert_int_eq(find("-", "-"), 0);
	expect_self();
	ck_assert_int_eq(find(USER, USER), 0);
	expect_self();
	ck_assert_int_eq(find("-", USER), 0);
	expect_self();
	expect_refused(REGISTRY_USER, "-",
	    "cannot become \"daemon\": start it "
	    "as root, or remove the line");
	expect_refused(USER, "root", "cannot become \"root\"");
	expect_refused("kvd-nobody", "-", "there is no user");
}

static const struct test tests[] = {
	CASE("users", setup, teardown),
	ONCE(test_none),
	ONCE(test_two),
	ONCE(test_root),
	LOOP(test_unknown, 6),
	ONCE(test_ordinary),
};

SUITE("users", tests)
