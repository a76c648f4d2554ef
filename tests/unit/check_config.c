/*
 * check_config: these tests read configuration lines from the command line and
 * from a file, and read them again after they were printed (common/config).
 */

#include "unit.h"

#include <sys/un.h>

#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "common/config.h"

#define PATH_OF_SOCKET_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define TEXT_OF_LISTEN_MAX (sizeof(((struct config_listen *)0)->text) - 1)

static struct config config;
static char error[CONFIG_ERROR_SIZE];

static void
setup(void)
{
	ck_assert_int_eq(config_init(&config), 0);
	memset(error, 'E', sizeof(error));
}

static void
teardown(void)
{
	config_clear(&config);
}

/* This returns the output of config_print as a string; the caller frees it. */
static char *
print(const struct config *c)
{
	struct buf b;
	char *text;

	buf_init(&b);
	config_print(c, &b);
	ck_assert(!buf_failed(&b));
	text = strndup((char *)buf_data(&b), buf_size(&b));
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), buf_size(&b));
	buf_clear(&b);
	return text;
}

static void
assert_print(const char *want)
{
	char *text = print(&config);

	ck_assert_str_eq(text, want);
	free(text);
}

static void
accept_line(const char *line)
{
	ck_assert_msg(config_line(&config, line, error) == 0, "\"%s\": %.*s",
	    line, CONFIG_ERROR_SIZE, error);
}

/* The line must be refused with this error and must change nothing. */
static void
refuse_line(const char *line, const char *want)
{
	char *before = print(&config);

	ck_assert_msg(config_line(&config, line, error) == -1,
	    "\"%s\" is accepted", line);
	if (want != NULL)
		ck_assert_str_eq(error, want);
	assert_print(before);
	free(before);
}

static int
load_lines(const char *text)
{
	char *copy = (char *)unit_copy(text, strlen(text) + 1);
	int rc = config_lines(&config, copy, error);

	free(copy);
	return rc;
}

/* This prints the configuration, reads the output into a new configuration, and
 * prints that again. */
static void
assert_round_trip(void)
{
	char *first = print(&config), *second;
	struct config copy;

	ck_assert_int_eq(config_init(&copy), 0);
	ck_assert_msg(config_lines(&copy, first, error) == 0, "%s:\n%s", error,
	    first);
	second = print(&copy);
	ck_assert_str_eq(second, first);
	config_clear(&copy);
	free(first);
	free(second);
}

/* These tests check the defaults. */

#define DEFAULT_LISTEN "listen 127.0.0.1:4040\n"
#define DEFAULT_REST                           \
	"data " KVD_LOCALSTATEDIR "/lib/kvd\n" \
	"runtime " KVD_RUNSTATEDIR "/kvd\n"    \
	"libexec " KVD_LIBEXECDIR "\n"         \
	"user -\n"                             \
	"registry-user -\n"                    \
	"core-dumps no\n"                      \
	"sync always\n"                        \
	"max-value 1M\n"                       \
	"log-size 32M\n"                       \
	"cache 128M\n"                         \
	"acceptors 1\n"                        \
	"max-clients 1000\n"                   \
	"max-clients-per-source 0\n"           \
	"first-command-timeout 5m\n"           \
	"idle-timeout 1h\n"                    \
	"keepalive 5m\n"                       \
	"write-timeout 1m\n"                   \
	"registry-timeout 10s\n"               \
	"listing-timeout 1m\n"                 \
	"shutdown-timeout 10s\n"               \
	"heartbeat-timeout 1m\n"               \
	"restart-limit 3 in 5s\n"              \
	"control mode 0660\n"                  \
	"log connections no\n"                 \
	"slow-command 0\n"                     \
	"scrub 0\n"                            \
	"sandbox yes\n"                        \
	"insecure no\n"

TEST(test_defaults)
{
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
	ck_assert(!config.listens_given);
	ck_assert_str_eq(config.data, KVD_LOCALSTATEDIR "/lib/kvd");
	ck_assert_str_eq(config.runtime, KVD_RUNSTATEDIR "/kvd");
	ck_assert_str_eq(config.libexec, KVD_LIBEXECDIR);
	ck_assert_str_eq(config.user, CONFIG_USER_SELF);
	ck_assert_str_eq(config.registry_user, CONFIG_USER_SELF);
	ck_assert(!config.core_dumps);
	ck_assert_int_eq(config.sync_ms, CONFIG_SYNC_ALWAYS);
	ck_assert_int_eq(config.max_value, 1 << 20);
	ck_assert_int_eq(config.acceptors, 1);
	ck_assert_int_eq(config.max_clients, 1000);
	ck_assert_int_eq(config.max_clients_per_source, 0);
	ck_assert_int_eq(config.first_command_timeout_ms, 300000);
	ck_assert_int_eq(config.idle_timeout_ms, 3600000);
	ck_assert_int_eq(config.write_timeout_ms, 60000);
	ck_assert_int_eq(config.registry_timeout_ms, 10000);
	ck_assert_int_eq(config.listing_timeout_ms, 60000);
	ck_assert_int_eq(config.shutdown_timeout_ms, 10000);
	ck_assert_int_eq(config.heartbeat_timeout_ms, 60000);
	ck_assert_int_eq(config.restart_limit.restarts, 3);
	ck_assert_int_eq(config.restart_limit.period_ms, 5000);
	ck_assert(!config.restart_limit.exits);
	assert_round_trip();
}

TEST(test_clear_twice)
{
	config_clear(&config);
	ck_assert(TAILQ_EMPTY(&config.listens));
	config_clear(&config);
}

/* This table has good values of every keyword that takes a number. */

#define FIELD(name) offsetof(struct config, name)

static const struct {
	const char *line;
	size_t offset;
	int64_t want;
} number_table[] = {
	{ "sync always", FIELD(sync_ms), CONFIG_SYNC_ALWAYS },
	{ "sync never", FIELD(sync_ms), CONFIG_SYNC_NEVER },
	{ "sync 1ms", FIELD(sync_ms), 1 },
	{ "sync 50ms", FIELD(sync_ms), 50 },
	{ "sync 604800000ms", FIELD(sync_ms), 604800000 },
	{ "sync 168h", FIELD(sync_ms), 604800000 },

	{ "max-value 1", FIELD(max_value), 1 },
	{ "max-value 512k", FIELD(max_value), 512 << 10 },
	{ "max-value 512K", FIELD(max_value), 512 << 10 },
	{ "max-value 1m", FIELD(max_value), 1 << 20 },
	{ "max-value 1M", FIELD(max_value), 1 << 20 },
	{ "max-value 64M", FIELD(max_value), 64 << 20 },
	{ "max-value 65536k", FIELD(max_value), 64 << 20 },
	{ "max-value 67108864", FIELD(max_value), 64 << 20 },
	{ "cache 0", FIELD(cache), 0 },
	{ "cache 1024M", FIELD(cache), 1 << 30 },

	{ "acceptors 1", FIELD(acceptors), 1 },
	{ "acceptors 2", FIELD(acceptors), 2 },
	{ "acceptors 16", FIELD(acceptors), CONFIG_ACCEPTORS_MAX },

	{ "max-clients-per-source 0", FIELD(max_clients_per_source), 0 },
	{ "max-clients-per-source 00", FIELD(max_clients_per_source), 0 },
	{ "max-clients-per-source 1", FIELD(max_clients_per_source), 1 },
	{ "max-clients-per-source 100000", FIELD(max_clients_per_source),
	    100000 },

	{ "max-clients 1", FIELD(max_clients), 1 },
	{ "max-clients 2", FIELD(max_clients), 2 },
	{ "max-clients 99999", FIELD(max_clients), 99999 },
	{ "max-clients 100000", FIELD(max_clients), 100000 },
	{ "max-clients 0100", FIELD(max_clients), 100 },

	{ "idle-timeout 0", FIELD(idle_timeout_ms), 0 },
	{ "idle-timeout 0ms", FIELD(idle_timeout_ms), 0 },
	{ "idle-timeout 0s", FIELD(idle_timeout_ms), 0 },
	{ "idle-timeout 0h", FIELD(idle_timeout_ms), 0 },
	{ "idle-timeout 1ms", FIELD(idle_timeout_ms), 1 },
	{ "idle-timeout 1s", FIELD(idle_timeout_ms), 1000 },
	{ "idle-timeout 1m", FIELD(idle_timeout_ms), 60000 },
	{ "idle-timeout 1h", FIELD(idle_timeout_ms), 3600000 },
	{ "idle-timeout 007s", FIELD(idle_timeout_ms), 7000 },
	{ "idle-timeout 604800000ms", FIELD(idle_timeout_ms), 604800000 },
	{ "idle-timeout 604800s", FIELD(idle_timeout_ms), 604800000 },
	{ "idle-timeout 10080m", FIELD(idle_timeout_ms), 604800000 },
	{ "idle-timeout 7d", FIELD(idle_timeout_ms), 604800000 },
	{ "idle-timeout 168h", FIELD(idle_timeout_ms), 604800000 },

	{ "write-timeout 1ms", FIELD(write_timeout_ms), 1 },
	{ "write-timeout 168h", FIELD(write_timeout_ms), 604800000 },
	{ "registry-timeout 1ms", FIELD(registry_timeout_ms), 1 },
	{ "registry-timeout 168h", FIELD(registry_timeout_ms), 604800000 },
	{ "shutdown-timeout 1ms", FIELD(shutdown_timeout_ms), 1 },
	{ "shutdown-timeout 168h", FIELD(shutdown_timeout_ms), 604800000 },
	{ "first-command-timeout 0", FIELD(first_command_timeout_ms), 0 },
	{ "first-command-timeout 0ms", FIELD(first_command_timeout_ms), 0 },
	{ "first-command-timeout 1ms", FIELD(first_command_timeout_ms), 1 },
	{ "first-command-timeout 168h", FIELD(first_command_timeout_ms),
	    604800000 },
	{ "listing-timeout 1ms", FIELD(listing_timeout_ms), 1 },
	{ "listing-timeout 168h", FIELD(listing_timeout_ms), 604800000 },
	{ "heartbeat-timeout 0", FIELD(heartbeat_timeout_ms), 0 },
	{ "heartbeat-timeout 0h", FIELD(heartbeat_timeout_ms), 0 },
	{ "heartbeat-timeout 1ms", FIELD(heartbeat_timeout_ms), 1 },
	{ "heartbeat-timeout 10080m", FIELD(heartbeat_timeout_ms), 604800000 },

	/* These lines contain extra blanks. */
	{ " max-clients 5", FIELD(max_clients), 5 },
	{ "max-clients 5 ", FIELD(max_clients), 5 },
	{ "max-clients\t5\r", FIELD(max_clients), 5 },
	{ "\t \tmax-clients \t  \t 5\t \t\r", FIELD(max_clients), 5 },
};

static int64_t
number(size_t offset)
{
	int64_t n;

	memcpy(&n, (const char *)&config + offset, sizeof(n));
	return n;
}

TEST(test_number)
{
	accept_line(number_table[_i].line);
	ck_assert_int_eq(number(number_table[_i].offset),
	    number_table[_i].want);
	assert_round_trip();
	/* A later line replaces an earlier one. */
	accept_line("max-clients 77");
	accept_line(number_table[_i].line);
	ck_assert_int_eq(number(number_table[_i].offset),
	    number_table[_i].want);
}

/* Each field is set by its own keyword and by no other. */
TEST(test_fields)
{
	static const char text[] = "insecure yes\n"
				   "scrub 21d\n"
				   "sandbox no\n"
				   "slow-command 20ms\n"
				   "log \tconnections  yes\n"
				   "control mode 0600 group staff\n"
				   "restart-limit 12 in 13ms exit\n"
				   "heartbeat-timeout 11ms\n"
				   "first-command-timeout 10ms\n"
				   "max-clients-per-source 14\n"
				   "acceptors 15\n"
				   "cache 17\n"
				   "listing-timeout 16ms\n"
				   "shutdown-timeout 4ms\n"
				   "registry-timeout 3ms\n"
				   "write-timeout 2ms\n"
				   "keepalive 18ms\n"
				   "idle-timeout 1ms\n"
				   "max-clients 8\n"
				   "log-size 19M\n"
				   "max-value 7\n"
				   "sync 6ms\n"
				   "core-dumps yes\n"
				   "registry-user e\n"
				   "user d\n"
				   "libexec /c\n"
				   "runtime /b\n"
				   "data /a\n"
				   "listen 127.0.0.1:9\n";

	ck_assert_int_eq(load_lines(text), 0);
	assert_print("listen 127.0.0.1:9\n"
		     "data /a\n"
		     "runtime /b\n"
		     "libexec /c\n"
		     "user d\n"
		     "registry-user e\n"
		     "core-dumps yes\n"
		     "sync 6ms\n"
		     "max-value 7\n"
		     "log-size 19M\n"
		     "cache 17\n"
		     "acceptors 15\n"
		     "max-clients 8\n"
		     "max-clients-per-source 14\n"
		     "first-command-timeout 10ms\n"
		     "idle-timeout 1ms\n"
		     "keepalive 18ms\n"
		     "write-timeout 2ms\n"
		     "registry-timeout 3ms\n"
		     "listing-timeout 16ms\n"
		     "shutdown-timeout 4ms\n"
		     "heartbeat-timeout 11ms\n"
		     "restart-limit 12 in 13ms exit\n"
		     "control mode 0600 group staff\n"
		     "log connections yes\n"
		     "slow-command 20ms\n"
		     "scrub 21d\n"
		     "sandbox no\n"
		     "insecure yes\n");
	ck_assert_str_eq(config.data, "/a");
	ck_assert_str_eq(config.runtime, "/b");
	ck_assert_str_eq(config.libexec, "/c");
	ck_assert_str_eq(config.user, "d");
	ck_assert_str_eq(config.registry_user, "e");
	ck_assert(config.core_dumps);
	ck_assert_int_eq(config.sync_ms, 6);
	ck_assert_int_eq(config.max_value, 7);
	ck_assert_int_eq(config.max_clients, 8);
	ck_assert_int_eq(config.idle_timeout_ms, 1);
	ck_assert_int_eq(config.write_timeout_ms, 2);
	ck_assert_int_eq(config.registry_timeout_ms, 3);
	ck_assert_int_eq(config.shutdown_timeout_ms, 4);
	ck_assert_int_eq(config.first_command_timeout_ms, 10);
	ck_assert_int_eq(config.heartbeat_timeout_ms, 11);
	ck_assert_int_eq(config.restart_limit.restarts, 12);
	ck_assert_int_eq(config.restart_limit.period_ms, 13);
	ck_assert(config.restart_limit.exits);
	ck_assert_int_eq(config.max_clients_per_source, 14);
	ck_assert_int_eq(config.control.mode, 0600);
	ck_assert_str_eq(config.control.group, "staff");
	ck_assert_int_eq(config.acceptors, 15);
	ck_assert_int_eq(config.listing_timeout_ms, 16);
	ck_assert(config.log_connections);
	ck_assert_int_eq(config.slow_command_ms, 20);
	ck_assert_int_eq(config.scrub_ms, (int64_t)21 * 24 * 3600 * 1000);
	ck_assert(!config.sandbox);
	ck_assert(config.insecure);
	assert_round_trip();
}

/* These tests check restart-limit, which takes a number, a time, and optionally
 * `exit`. */

static const struct {
	const char *line;
	int64_t restarts, period_ms;
	bool exits;
	const char *printed;
} limit_table[] = {
	{ "restart-limit 3 in 5s", 3, 5000, false, "3 in 5s" },
	{ "restart-limit 3 in 5s exit", 3, 5000, true, "3 in 5s exit" },
	{ "restart-limit 1 in 1ms", 1, 1, false, "1 in 1ms" },
	{ "restart-limit 1000 in 168h exit", 1000, 604800000, true,
	    "1000 in 7d exit" },
	{ "restart-limit 1000 in 604800000ms", 1000, 604800000, false,
	    "1000 in 7d" },
	{ "restart-limit 010 in 01m", 10, 60000, false, "10 in 1m" },
	/* These lines contain extra blanks. */
	{ "\trestart-limit \t3 \t in\t  5s\texit \r", 3, 5000, true,
	    "3 in 5s exit" },
	{ "restart-limit 3 in 5s \t", 3, 5000, false, "3 in 5s" },
};

TEST(test_restart_limit)
{
	char *text, want[64];

	accept_line("restart-limit 7 in 7ms exit");
	accept_line(limit_table[_i].line);
	ck_assert_int_eq(config.restart_limit.restarts,
	    limit_table[_i].restarts);
	ck_assert_int_eq(config.restart_limit.period_ms,
	    limit_table[_i].period_ms);
	ck_assert_int_eq(config.restart_limit.exits, limit_table[_i].exits);
	snprintf(want, sizeof(want), "\nrestart-limit %s\n",
	    limit_table[_i].printed);
	text = print(&config);
	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
	free(text);
	assert_round_trip();
}

static const char *const bad_limit_table[] = { "3", "in", "3 in", "3 in 5",
	"3 in 0", "3 in 0s", "0 in 5s", "1001 in 5s", "-1 in 5s", "3 in -5s",
	"3 in 169h", "3 in 604800001ms", "x in 5s", "3 in x", "3 in 5s x",
	"3 in 5s exits", "3 in 5s exi", "3 in 5s exit now", "3 in 5s exit exit",
	"3 in 5s Exit", "3 in 5S", "3 on 5s", "3 In 5s", "in 5s", "3 5s",
	"3 in in 5s", "3 in 5s in 6s", "3in 5 s", "3 in 5 s", "exit", "3 exit",
	"3 in exit", "3.5 in 5s", "3 in 1.5s", "3,5 in 5s", "3 in 5s,exit",
	"99999999999999999999 in 5s", "3 in 99999999999999999999s",
	"11111111111111111111111111111111 in 5s",
	"3 in 11111111111111111111111111111111s",
	"00000000000000000000000000000003 in 5s", "3 in 5s exit\v",
	"\"3 in 5s\"", "3\nin 5s\nx" };

TEST(test_bad_restart_limit)
{
	char line[128], want[CONFIG_ERROR_SIZE];

	snprintf(line, sizeof(line), "restart-limit %s", bad_limit_table[_i]);
	snprintf(want, sizeof(want),
	    "restart-limit: \"%s\" is not NUMBER in TIME, or NUMBER in TIME "
	    "exit, such as 3 in 5s; the number is 1 to 1000",
	    bad_limit_table[_i]);
	refuse_line(line, want);
}

/* These tests check control, which takes a mode and a group. */

static const struct {
	const char *line;
	const char *printed;
} control_table[] = {
	{ "control mode 0600", "mode 0600" },
	{ "control mode 0", "mode 0000" },
	{ "control group staff", "mode 0660 group staff" },
	{ "control group 12 mode 777", "mode 0777 group 12" },
	{ " control \t mode\t0640  group\tx \r", "mode 0640 group x" },
	{ "control mode 0600 mode 0666", "mode 0666" },
	{ "control group 12345678901234567890123456789012",
	    "mode 0660 group 12345678901234567890123456789012" },
};

TEST(test_control)
{
	char *text, want[96];

	accept_line("control mode 0111 group before");
	accept_line(control_table[_i].line);
	snprintf(want, sizeof(want), "\ncontrol %s\n",
	    control_table[_i].printed);
	text = print(&config);
	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
	free(text);
	assert_round_trip();
}

static const char *const bad_control_table[] = { "mode", "group", "0660",
	"Mode 0660", "mode 0660 group", "mode 0660 staff", "unix /x",
	"mode 0660 optional" };

TEST(test_bad_control)
{
	char line[64], want[CONFIG_ERROR_SIZE];

	snprintf(line, sizeof(line), "control %s", bad_control_table[_i]);
	snprintf(want, sizeof(want),
	    "control: \"%s\" is not mode MODE, group GROUP, or both",
	    bad_control_table[_i]);
	refuse_line(line, want);
}

TEST(test_bad_control_values)
{
	refuse_line("control mode 0668",
	    "control: \"0668\" is not a mode in octal from 0 to 0777, such as "
	    "0660");
	refuse_line("control mode 1777",
	    "control: \"1777\" is not a mode in octal from 0 to 0777, such as "
	    "0660");
	refuse_line("control group 123456789012345678901234567890123",
	    "control: the name of the group is too long");
}

/* What a reload would change. */
TEST(test_changes)
{
	struct config fresh;
	struct buf out;

	ck_assert_int_eq(config_init(&fresh), 0);
	ck_assert_int_eq(config_lines(&fresh,
			     "listen 127.0.0.1:1\nlisten 127.0.0.1:2\n"
			     "max-value 12\nmax-clients 1000\n"
			     "sync never\n",
			     (char[CONFIG_ERROR_SIZE]){ 0 }),
	    0);
	buf_init(&out);
	config_print_changes(&config, &fresh, "+", "!", &out);
	buf_append_byte(&out, '\0');
	ck_assert_str_eq((char *)buf_data(&out),
	    "+listen 127.0.0.1:1\n+listen 127.0.0.1:2\n"
	    "+sync never\n!max-value 12\n");
	buf_clear(&out);
	config_clear(&fresh);
}

/* These lines are refused, with these error messages. */

#define COUNT_ERROR(value) \
	"max-clients: \"" value "\" is not a number from 1 to 100000"
#define SOURCE_ERROR(value)                      \
	"max-clients-per-source: \"" value "\" " \
	"is not a number from 0 to 100000"
#define ACCEPTORS_ERROR(value) \
	"acceptors: \"" value "\" is not a number from 1 to 16"
#define SIZE_ERROR(value)                                   \
	"max-value: \"" value "\" is not a size from 1 to " \
	"67108864 bytes, such as 512k or 1M"
#define TIME_ERROR(keyword, value)                                 \
	keyword ": \"" value "\" is not a time of 1ms to 7 days, " \
		"such as 50ms, 10s, 5m or 1h"
#define ZERO_TIME_ERROR(keyword, value)                          \
	keyword ": \"" value "\" is not a time of 0 to 7 days, " \
		"such as 50ms, 10s, 5m or 1h"
#define IDLE_ERROR(value) ZERO_TIME_ERROR("idle-timeout", value)
#define SYNC_ERROR(value)                                               \
	"sync: \"" value "\" is not always, never or a time of 1ms to " \
	"7 days, such as 50ms"
#define PATH_ERROR(keyword, value) \
	keyword ": \"" value "\" is not an absolute path"
#define MARK_ERROR(keyword, value) \
	keyword ": \"" value "\" has a # or a \\ in it"
#define PORT_ERROR(value) "listen: \"" value "\" is not a port (0 to 65535)"
#define ADDRESS_ERROR(value)                                              \
	"listen: \"" value "\" is not ADDRESS:PORT, [IPv6-ADDRESS]:PORT " \
	"or unix PATH"

static const struct {
	const char *line, *error;
} error_table[] = {
	/* These lines have bad keywords. */
	{ "junk", "unknown keyword \"junk\"" },
	{ "junk 1", "unknown keyword \"junk\"" },
	{ "  junk\t", "unknown keyword \"junk\"" },
	{ "max-client 1", "unknown keyword \"max-client\"" },
	{ "max-clientss 1", "unknown keyword \"max-clientss\"" },
	{ "Max-clients 1", "unknown keyword \"Max-clients\"" },
	{ "max-clients=1", "unknown keyword \"max-clients=1\"" },
	{ "max-clients: 1", "unknown keyword \"max-clients:\"" },
	{ "# comment", "unknown keyword \"#\"" },

	/* These lines have no value. */
	{ "listen", "listen: value missing" },
	{ "data", "data: value missing" },
	{ "runtime", "runtime: value missing" },
	{ "libexec", "libexec: value missing" },
	{ "sync", "sync: value missing" },
	{ "max-value", "max-value: value missing" },
	{ "max-clients", "max-clients: value missing" },
	{ "idle-timeout", "idle-timeout: value missing" },
	{ "write-timeout", "write-timeout: value missing" },
	{ "registry-timeout", "registry-timeout: value missing" },
	{ "shutdown-timeout", "shutdown-timeout: value missing" },
	{ "acceptors", "acceptors: value missing" },
	{ "max-clients-per-source", "max-clients-per-source: value missing" },
	{ "first-command-timeout", "first-command-timeout: value missing" },
	{ "heartbeat-timeout", "heartbeat-timeout: value missing" },
	{ "restart-limit", "restart-limit: value missing" },
	{ "max-clients-per-sourc 1",
	    "unknown keyword \"max-clients-per-sourc\"" },
	{ "acceptor 1", "unknown keyword \"acceptor\"" },
	{ "\t data \t\r", "data: value missing" },

	/* These counts are bad. */
	{ "max-clients 0", COUNT_ERROR("0") },
	{ "max-clients -1", COUNT_ERROR("-1") },
	{ "max-clients 100001", COUNT_ERROR("100001") },
	{ "max-clients 99999999999999999999",
	    COUNT_ERROR("99999999999999999999") },
	{ "max-clients -99999999999999999999",
	    COUNT_ERROR("-99999999999999999999") },
	{ "max-clients x", COUNT_ERROR("x") },
	{ "max-clients 1x", COUNT_ERROR("1x") },
	{ "max-clients 1k", COUNT_ERROR("1k") },
	{ "max-clients 0x1", COUNT_ERROR("0x1") },
	{ "max-clients 1.0", COUNT_ERROR("1.0") },
	{ "max-clients 1 2", COUNT_ERROR("1 2") },
	{ "max-clients \"1\"", COUNT_ERROR("\"1\"") },

	{ "acceptors 0", ACCEPTORS_ERROR("0") },
	{ "acceptors 17", ACCEPTORS_ERROR("17") },
	{ "acceptors -1", ACCEPTORS_ERROR("-1") },
	{ "acceptors 18446744073709551617",
	    ACCEPTORS_ERROR("18446744073709551617") },
	{ "acceptors two", ACCEPTORS_ERROR("two") },
	{ "max-clients-per-source -1", SOURCE_ERROR("-1") },
	{ "max-clients-per-source 100001", SOURCE_ERROR("100001") },
	{ "max-clients-per-source 1k", SOURCE_ERROR("1k") },
	{ "max-clients-per-source none", SOURCE_ERROR("none") },

	/* These sizes are bad. */
	{ "max-value 0", SIZE_ERROR("0") },
	{ "max-value 0k", SIZE_ERROR("0k") },
	{ "max-value -1", SIZE_ERROR("-1") },
	{ "max-value -0", SIZE_ERROR("-0") },
	{ "max-value -18446744073709551615",
	    SIZE_ERROR("-18446744073709551615") },
	{ "max-value 67108865", SIZE_ERROR("67108865") },
	{ "max-value 65537k", SIZE_ERROR("65537k") },
	{ "max-value 65M", SIZE_ERROR("65M") },
	{ "max-value 1G", SIZE_ERROR("1G") },
	{ "max-value 16E", SIZE_ERROR("16E") },
	{ "max-value 17592186044416M", SIZE_ERROR("17592186044416M") },
	{ "max-value 18446744073709551617",
	    SIZE_ERROR("18446744073709551617") },
	{ "max-value 99999999999999999999k",
	    SIZE_ERROR("99999999999999999999k") },
	{ "max-value junk", SIZE_ERROR("junk") },
	{ "max-value k", SIZE_ERROR("k") },
	{ "max-value 1x", SIZE_ERROR("1x") },
	{ "max-value 1.5M", SIZE_ERROR("1.5M") },
	{ "max-value 1 M", SIZE_ERROR("1 M") },
	{ "max-value always", SIZE_ERROR("always") },

	/* These times have bad limits or bad units, or overflow. */
	{ "idle-timeout -1", IDLE_ERROR("-1") },
	{ "idle-timeout -1s", IDLE_ERROR("-1s") },
	{ "idle-timeout -0", IDLE_ERROR("-0") },
	{ "idle-timeout 00", IDLE_ERROR("00") },
	{ "idle-timeout 1", IDLE_ERROR("1") },
	{ "idle-timeout 1w", IDLE_ERROR("1w") },
	{ "idle-timeout 1S", IDLE_ERROR("1S") },
	{ "idle-timeout 1 s", IDLE_ERROR("1 s") },
	{ "idle-timeout 1sec", IDLE_ERROR("1sec") },
	{ "idle-timeout 1m30s", IDLE_ERROR("1m30s") },
	{ "idle-timeout 1.5h", IDLE_ERROR("1.5h") },
	{ "idle-timeout +1s", IDLE_ERROR("+1s") },
	{ "idle-timeout s", IDLE_ERROR("s") },
	{ "idle-timeout ms", IDLE_ERROR("ms") },
	{ "idle-timeout never", IDLE_ERROR("never") },
	{ "idle-timeout 604800001ms", IDLE_ERROR("604800001ms") },
	{ "idle-timeout 604801s", IDLE_ERROR("604801s") },
	{ "idle-timeout 10081m", IDLE_ERROR("10081m") },
	{ "idle-timeout 169h", IDLE_ERROR("169h") },
	{ "idle-timeout 604800001h", IDLE_ERROR("604800001h") },
	{ "idle-timeout 2562047788015h", IDLE_ERROR("2562047788015h") },
	{ "idle-timeout 5124095576031h", IDLE_ERROR("5124095576031h") },
	{ "idle-timeout 999999999999999h", IDLE_ERROR("999999999999999h") },
	{ "idle-timeout 9999999999999999h", IDLE_ERROR("9999999999999999h") },
	{ "idle-timeout 9223372036854775807ms",
	    IDLE_ERROR("9223372036854775807ms") },
	{ "idle-timeout 18446744073709551616ms",
	    IDLE_ERROR("18446744073709551616ms") },
	{ "idle-timeout 18446744073709551617s",
	    IDLE_ERROR("18446744073709551617s") },
	{ "idle-timeout 99999999999999999999999999999999999999999999h",
	    IDLE_ERROR("99999999999999999999999999999999999999999999h") },
	{ "write-timeout 0", TIME_ERROR("write-timeout", "0") },
	{ "write-timeout 0ms", TIME_ERROR("write-timeout", "0ms") },
	{ "write-timeout 604800001ms",
	    TIME_ERROR("write-timeout", "604800001ms") },
	{ "write-timeout 1", TIME_ERROR("write-timeout", "1") },
	{ "registry-timeout 0", TIME_ERROR("registry-timeout", "0") },
	{ "registry-timeout 0h", TIME_ERROR("registry-timeout", "0h") },
	{ "registry-timeout 169h", TIME_ERROR("registry-timeout", "169h") },
	{ "registry-timeout junk", TIME_ERROR("registry-timeout", "junk") },
	{ "shutdown-timeout 0", TIME_ERROR("shutdown-timeout", "0") },
	{ "shutdown-timeout -1ms", TIME_ERROR("shutdown-timeout", "-1ms") },
	{ "shutdown-timeout 10081m", TIME_ERROR("shutdown-timeout", "10081m") },
	{ "shutdown-timeout s", TIME_ERROR("shutdown-timeout", "s") },
	{ "listing-timeout 0", TIME_ERROR("listing-timeout", "0") },
	{ "listing-timeout 169h", TIME_ERROR("listing-timeout", "169h") },
	{ "first-command-timeout 1",
	    ZERO_TIME_ERROR("first-command-timeout", "1") },
	{ "first-command-timeout -1s",
	    ZERO_TIME_ERROR("first-command-timeout", "-1s") },
	{ "first-command-timeout 604801s",
	    ZERO_TIME_ERROR("first-command-timeout", "604801s") },
	{ "heartbeat-timeout 5", ZERO_TIME_ERROR("heartbeat-timeout", "5") },
	{ "heartbeat-timeout 604800001ms",
	    ZERO_TIME_ERROR("heartbeat-timeout", "604800001ms") },
	{ "heartbeat-timeout off",
	    ZERO_TIME_ERROR("heartbeat-timeout", "off") },

	/* These words are bad. */
	{ "insecure", "insecure: value missing" },
	{ "user", "user: value missing" },
	{ "user a b", "user: \"a b\" is not the name or the number of a user" },
	{ "user a:b", "user: \"a:b\" is not the name or the number of a user" },
	{ "user /a", "user: \"/a\" is not the name or the number of a user" },
	{ "user 123456789-123456789-123456789-abc",
	    "user: \"123456789-123456789-123456789-abc\" is not the name or "
	    "the "
	    "number of a user" },
	{ "core-dumps maybe", "core-dumps: \"maybe\" is not yes or no" },
	{ "sandbox", "sandbox: value missing" },
	{ "sandbox 0", "sandbox: \"0\" is not yes or no" },
	{ "insecure 1", "insecure: \"1\" is not yes or no" },
	{ "insecure Yes", "insecure: \"Yes\" is not yes or no" },
	{ "insecure yes yes", "insecure: \"yes yes\" is not yes or no" },
	{ "log yes", "log: \"yes\" is not connections yes or connections no" },
	{ "log connections",
	    "log: \"connections\" is not connections yes or connections "
	    "no" },
	{ "log connectionsyes",
	    "log: \"connectionsyes\" is not connections yes or connections "
	    "no" },
	{ "log connections on",
	    "log: \"on\" is not connections yes or connections no" },
	{ "slow-command 5", ZERO_TIME_ERROR("slow-command", "5") },
	{ "scrub 366d",
	    "scrub: \"366d\" is not a time of 0 to 365 days, such as 50ms, "
	    "10s, 5m or 1h" },
	{ "include /etc/passwd", "\"include\" is for files only" },

	/* These values of sync are bad. */
	{ "sync 0", SYNC_ERROR("0") },
	{ "sync 0ms", SYNC_ERROR("0ms") },
	{ "sync -1", SYNC_ERROR("-1") },
	{ "sync -1ms", SYNC_ERROR("-1ms") },
	{ "sync 50", SYNC_ERROR("50") },
	{ "sync 604800001ms", SYNC_ERROR("604800001ms") },
	{ "sync 169h", SYNC_ERROR("169h") },
	{ "sync Always", SYNC_ERROR("Always") },
	{ "sync alway", SYNC_ERROR("alway") },
	{ "sync always never", SYNC_ERROR("always never") },
	{ "sync no", SYNC_ERROR("no") },

	/* These paths are bad. */
	{ "data a", PATH_ERROR("data", "a") },
	{ "data ./a", PATH_ERROR("data", "./a") },
	{ "runtime ~/a", PATH_ERROR("runtime", "~/a") },
	{ "libexec \"/a\"", PATH_ERROR("libexec", "\"/a\"") },
	{ "data /a#b", MARK_ERROR("data", "/a#b") },
	{ "data /#", MARK_ERROR("data", "/#") },
	{ "data /a # b", MARK_ERROR("data", "/a # b") },
	{ "runtime /a\\b", MARK_ERROR("runtime", "/a\\b") },
	{ "libexec /a\\", MARK_ERROR("libexec", "/a\\") },
	{ "libexec /a\\#", MARK_ERROR("libexec", "/a\\#") },

	/* These addresses are bad. */
	{ "listen 127.0.0.1:65536", PORT_ERROR("65536") },
	{ "listen 127.0.0.1:4294967296", PORT_ERROR("4294967296") },
	{ "listen 127.0.0.1:99999999999999999999",
	    PORT_ERROR("99999999999999999999") },
	{ "listen 127.0.0.1:-1", PORT_ERROR("-1") },
	{ "listen 127.0.0.1:", PORT_ERROR("") },
	{ "listen 127.0.0.1:http", PORT_ERROR("http") },
	{ "listen 127.0.0.1:80x", PORT_ERROR("80x") },
	{ "listen 127.0.0.1:0x50", PORT_ERROR("0x50") },
	{ "listen [::1]:65536", PORT_ERROR("65536") },
	{ "listen [::1]:", PORT_ERROR("") },
	{ "listen 127.0.0.1", ADDRESS_ERROR("127.0.0.1") },
	{ "listen [::1]", ADDRESS_ERROR("[::1]") },
	{ "listen 80", ADDRESS_ERROR("80") },
	{ "listen :80", ADDRESS_ERROR(":80") },
	{ "listen []:80", ADDRESS_ERROR("[]:80") },
	{ "listen localhost:80", ADDRESS_ERROR("localhost:80") },
	{ "listen kvd.example:80", ADDRESS_ERROR("kvd.example:80") },
	{ "listen 256.0.0.1:80", ADDRESS_ERROR("256.0.0.1:80") },
	{ "listen 1.2.3.4.5:80", ADDRESS_ERROR("1.2.3.4.5:80") },
	{ "listen 127.0.0.1:80 127.0.0.2:80",
	    ADDRESS_ERROR("127.0.0.1:80 127.0.0.2:80") },
	{ "listen 127.0.0.1 :80", ADDRESS_ERROR("127.0.0.1 :80") },
	{ "listen ::1:80", ADDRESS_ERROR("::1:80") },
	{ "listen :::80", ADDRESS_ERROR(":::80") },
	{ "listen [::1:80", ADDRESS_ERROR("[::1:80") },
	{ "listen ::1]:80", ADDRESS_ERROR("::1]:80") },
	{ "listen [::1]x:80", ADDRESS_ERROR("[::1]x:80") },
	{ "listen [::g]:80", ADDRESS_ERROR("[::g]:80") },
	{ "listen [localhost]:80", ADDRESS_ERROR("[localhost]:80") },
	{ "listen /a", ADDRESS_ERROR("/a") },
	{ "listen unix:/a", PORT_ERROR("/a") },
	{ "listen unix/a", ADDRESS_ERROR("unix/a") },
	{ "listen Unix /a", ADDRESS_ERROR("Unix /a") },
	{ "listen unix", PATH_ERROR("listen", "") },
	{ "listen unix ", PATH_ERROR("listen", "") },
	{ "listen unix a", PATH_ERROR("listen", "a") },
	{ "listen unix ./a", PATH_ERROR("listen", "./a") },
	{ "listen unix /a#b", MARK_ERROR("listen", "/a#b") },
	{ "listen unix /a\\b", MARK_ERROR("listen", "/a\\b") },
};

TEST(test_error)
{
	refuse_line(error_table[_i].line, error_table[_i].error);
}

/* expand_number(3), strtonum(3) and getaddrinfo(3) would accept these
 * values. */
static const char *const junk_table[] = {
	"max-value 1Mjunk",
	"max-value 1MB",
	"max-value 1kk",
	"max-value 1b1",
	"max-value \v-18446744073709551615",
	"listen 127.0.0.1: 80",
};

TEST(test_junk)
{
	refuse_line(junk_table[_i], NULL);
}

static const char *const nothing_table[] = { "", " ", "\t", "\r", " \t\r " };

TEST(test_nothing)
{
	accept_line(nothing_table[_i]);
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
}

/* An error that is longer than the buffer is truncated and terminated. */
TEST(test_long_errors)
{
	static const char *const lines[] = { "", "data ", "max-value ",
		"max-clients ", "sync ", "idle-timeout ", "listen " };
	char line[4 * CONFIG_ERROR_SIZE];
	size_t i, n;

	for (i = 0; i < COUNT(lines); i++) {
		memset(line, 'x', sizeof(line) - 1);
		line[sizeof(line) - 1] = '\0';
		memcpy(line, lines[i], strlen(lines[i]));
		refuse_line(line, NULL);
		n = strnlen(error, sizeof(error));
		ck_assert_uint_lt(n, sizeof(error));
		/* The keyword listen has a limit of length of its own, with its
		 * own error. */
		ck_assert(n == sizeof(error) - 1 ||
		    strcmp(error, "listen: value too long") == 0);
	}
}

/* These tests check paths. */

static const char *const path_table[] = { "/", "/a", "/a b", "/a  b", "//a",
	"/a/../b/", "/a\tb", "/=:;\"'$*?[]{}!~", "/\xc3\xa4" };

TEST(test_path)
{
	static const char *const keywords[] = { "data", "runtime", "libexec" };
	char *const *fields[] = { &config.data, &config.runtime,
		&config.libexec };
	char line[64];
	size_t i;

	for (i = 0; i < COUNT(keywords); i++) {
		snprintf(line, sizeof(line), "\t%s \t%s \r", keywords[i],
		    path_table[_i]);
		accept_line(line);
		ck_assert_str_eq(*fields[i], path_table[_i]);
		accept_line(line);
		ck_assert_str_eq(*fields[i], path_table[_i]);
	}
	assert_round_trip();
}

TEST(test_long_path)
{
	char line[5 + 4096] = "data /";

	memset(line + 6, 'x', sizeof(line) - 7);
	line[sizeof(line) - 1] = '\0';
	accept_line(line);
	ck_assert_str_eq(config.data, line + 5);
	assert_round_trip();
}

/* These tests check addresses. */

static const struct {
	const char *value;
	int family;
	/* For AF_UNIX host is the path and port is NULL. */
	const char *host, *port;
} listen_table[] = {
	{ "127.0.0.1:4040", AF_INET, "127.0.0.1", "4040" },
	{ "127.0.0.1:0", AF_INET, "127.0.0.1", "0" },
	{ "127.0.0.1:1", AF_INET, "127.0.0.1", "1" },
	{ "127.0.0.1:65535", AF_INET, "127.0.0.1", "65535" },
	{ "0.0.0.0:80", AF_INET, "0.0.0.0", "80" },
	{ "255.255.255.255:80", AF_INET, "255.255.255.255", "80" },
	{ "[::1]:4040", AF_INET6, "::1", "4040" },
	{ "[::1]:0", AF_INET6, "::1", "0" },
	{ "[::1]:65535", AF_INET6, "::1", "65535" },
	{ "[::]:80", AF_INET6, "::", "80" },
	{ "[2001:db8::42]:80", AF_INET6, "2001:db8::42", "80" },
	{ "[::ffff:192.0.2.1]:80", AF_INET6, "::ffff:192.0.2.1", "80" },
	{ "unix /a", AF_UNIX, "/a", NULL },
	{ "unix\t/a", AF_UNIX, "/a", NULL },
	{ "unix \t  /run/kvd/kvd.sock", AF_UNIX, "/run/kvd/kvd.sock", NULL },
	{ "unix /a b", AF_UNIX, "/a b", NULL },
	{ "unix /127.0.0.1:80", AF_UNIX, "/127.0.0.1:80", NULL },
	{ "127.0.0.1:4040 optional", AF_INET, "127.0.0.1", "4040" },
	{ "[::1]:4040\toptional", AF_INET6, "::1", "4040" },
	{ "unix /a optional", AF_UNIX, "/a", NULL },
	{ "unix /a mode 0660", AF_UNIX, "/a", NULL },
	{ "unix /a b mode 660  group x", AF_UNIX, "/a b", NULL },
	{ "unix /a group x mode 0 optional", AF_UNIX, "/a", NULL },
	{ "unix /a optional group x", AF_UNIX, "/a", NULL },
	{ "unix /mode", AF_UNIX, "/mode", NULL },
	{ "unix /a mode", AF_UNIX, "/a mode", NULL },
	{ "unix /a chmod 0660", AF_UNIX, "/a chmod 0660", NULL },
};

static const struct {
	const char *value;
	mode_t mode;
	const char *group;
	bool optional;
} option_table[] = {
	{ "127.0.0.1:4040", 0600, "", false },
	{ "127.0.0.1:4040 optional", 0600, "", true },
	{ "unix /a", 0600, "", false },
	{ "unix /a optional", 0600, "", true },
	{ "unix /a mode 0660", 0660, "", false },
	{ "unix /a mode 777", 0777, "", false },
	{ "unix /a mode 0 group 0", 0, "0", false },
	{ "unix /a group www-data", 0600, "www-data", false },
	{ "unix /a optional group x mode 0620", 0620, "x", true },
};

/* This table has the options after the address, and how they are passed to
 * children. */
TEST(test_listen_options)
{
	const struct config_listen *l;
	char line[CONFIG_LISTEN_SIZE + 16];
	int i;

	snprintf(line, sizeof(line), "listen %s", option_table[_i].value);
	for (i = 0; i < 2; i++) {
		accept_line(line);
		l = TAILQ_FIRST(&config.listens);
		ck_assert_uint_eq(l->mode, option_table[_i].mode);
		ck_assert_str_eq(l->group, option_table[_i].group);
		ck_assert(l->optional == option_table[_i].optional);
		ck_assert_str_eq(l->text, option_table[_i].value);
		config_override(&config);
		snprintf(line, sizeof(line), "listen %s", l->text);
	}
}

static void
assert_inet(const struct config_listen *l, const char *host, const char *port)
{
	char got_host[64], got_port[16];

	ck_assert_uint_eq(l->addr_size,
	    l->addr.ss_family == AF_INET ? sizeof(struct sockaddr_in) :
					   sizeof(struct sockaddr_in6));
	ck_assert_int_eq(getnameinfo((const struct sockaddr *)&l->addr,
			     l->addr_size, got_host, sizeof(got_host), got_port,
			     sizeof(got_port), NI_NUMERICHOST | NI_NUMERICSERV),
	    0);
	ck_assert_str_eq(got_host, host);
	ck_assert_str_eq(got_port, port);
}

static void
assert_unix(const struct config_listen *l, const char *path)
{
	struct sockaddr_un sun;

	ck_assert_uint_eq(l->addr_size, sizeof(sun));
	memcpy(&sun, &l->addr, sizeof(sun));
	ck_assert_str_eq(sun.sun_path, path);
}

TEST(test_listen)
{
	const struct config_listen *l;
	char line[128];

	snprintf(line, sizeof(line), " listen \t%s \t\r",
	    listen_table[_i].value);
	accept_line(line);
	ck_assert(config.listens_given);
	l = TAILQ_FIRST(&config.listens);
	ck_assert_ptr_nonnull(l);
	ck_assert_ptr_null(TAILQ_NEXT(l, entry));
	ck_assert_str_eq(l->text, listen_table[_i].value);
	ck_assert_int_eq(l->addr.ss_family, listen_table[_i].family);
	if (listen_table[_i].port == NULL)
		assert_unix(l, listen_table[_i].host);
	else
		assert_inet(l, listen_table[_i].host, listen_table[_i].port);
	assert_round_trip();
}

TEST(test_listen_path_bounds)
{
	char line[256] = "listen unix /", want[CONFIG_ERROR_SIZE];
	char *path = line + strlen("listen unix ");

	memset(path + 1, 'x', PATH_OF_SOCKET_MAX - 1);
	accept_line(line);
	assert_unix(TAILQ_FIRST(&config.listens), path);
	assert_round_trip();

	path[PATH_OF_SOCKET_MAX] = 'x';
	snprintf(want, sizeof(want),
	    "listen: path of a Unix socket is longer than %zu bytes",
	    PATH_OF_SOCKET_MAX);
	refuse_line(line, want);
}

/* The limit applies to the whole value, including inner blanks. */
TEST(test_listen_text_bounds)
{
	char line[256] = "listen unix";
	char *value = line + strlen("listen ");

	memset(value + 4, ' ', TEXT_OF_LISTEN_MAX - 6);
	memcpy(value + TEXT_OF_LISTEN_MAX - 2, "/a", 3);
	ck_assert_uint_eq(strlen(value), TEXT_OF_LISTEN_MAX);
	accept_line(line);
	ck_assert_str_eq(TAILQ_FIRST(&config.listens)->text, value);
	assert_round_trip();

	value[TEXT_OF_LISTEN_MAX] = 'b';
	refuse_line(line, "listen: value too long");
	memset(value, '1', TEXT_OF_LISTEN_MAX + 1);
	refuse_line(line, "listen: value too long");
}

/* The first line replaces the default; further lines add to the list. */
TEST(test_listen_accumulates)
{
	accept_line("listen 127.0.0.1:1");
	assert_print("listen 127.0.0.1:1\n" DEFAULT_REST);
	accept_line("listen [::1]:2");
	accept_line("max-clients 1000");
	accept_line("listen unix /a");
	accept_line("listen 127.0.0.1:1");
	assert_print("listen 127.0.0.1:1\n"
		     "listen [::1]:2\n"
		     "listen unix /a\n"
		     "listen 127.0.0.1:1\n" DEFAULT_REST);
	assert_round_trip();
}

TEST(test_listen_refused)
{
	/* A refused line does not count as the first. */
	refuse_line("listen junk", NULL);
	ck_assert(!config.listens_given);
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
	accept_line("listen 127.0.0.1:1");
	refuse_line("listen junk", NULL);
	assert_print("listen 127.0.0.1:1\n" DEFAULT_REST);
}

TEST(test_override)
{
	accept_line("listen 127.0.0.1:1");
	accept_line("listen 127.0.0.1:2");
	accept_line("max-clients 5");
	config_override(&config);
	ck_assert_int_eq(config.max_clients, 5);
	accept_line("max-clients 1000");
	refuse_line("listen junk", NULL);
	assert_print("listen 127.0.0.1:1\n"
		     "listen 127.0.0.1:2\n" DEFAULT_REST);
	accept_line("listen 127.0.0.1:3");
	assert_print("listen 127.0.0.1:3\n" DEFAULT_REST);
	accept_line("listen 127.0.0.1:4");
	assert_print("listen 127.0.0.1:3\n"
		     "listen 127.0.0.1:4\n" DEFAULT_REST);
	config_override(&config);
	config_override(&config);
	accept_line("listen 127.0.0.1:5");
	assert_print("listen 127.0.0.1:5\n" DEFAULT_REST);
	assert_round_trip();
}

/* Files and texts are read in the same way. */

static const struct {
	const char *text;
	/* This is the error after the name of the file, or NULL. */
	const char *error;
	int64_t max_clients;
	const char *data; /* NULL stands for the default. */
} file_table[] = {
	{ "max-clients 5\n", NULL, 5, NULL },
	{ "max-clients 5", NULL, 5, NULL },
	{ "max-clients 5\r\ndata /a\r\n", NULL, 5, "/a" },
	{ "max-clients 5\nmax-clients 6\n", NULL, 6, NULL },

	/* These files contain no settings. */
	{ "\n", NULL, 1000, NULL },
	{ " ", NULL, 1000, NULL },
	{ "\r\n \t\n\n", NULL, 1000, NULL },
	{ "#", NULL, 1000, NULL },
	{ "# comment\n", NULL, 1000, NULL },
	{ "\\", NULL, 1000, NULL },
	{ "\\\n\\\n", NULL, 1000, NULL },

	/* These lines have comments. */
	{ "# data /a\nmax-clients 5\n#\n", NULL, 5, NULL },
	{ "\t # data /a\n\tmax-clients 5\n", NULL, 5, NULL },
	{ "max-clients 5 # clients", NULL, 5, NULL },
	{ "max-clients 5#clients\n", NULL, 5, NULL },
	{ "data /a#b\nmax-clients 5\n", NULL, 5, "/a" },
	{ "# comments do not go on \\\nmax-clients 5\n", NULL, 5, NULL },
	{ "data /a # nor here \\\nmax-clients 5\n", NULL, 5, "/a" },
	{ "max-clients # 5\n", ": line 1: max-clients: value missing", 1000,
	    NULL },

	/* These lines have continuations. */
	{ "max-clients\\\n 5\n", NULL, 5, NULL },
	{ "max-clients \\\n5\n", NULL, 5, NULL },
	{ "max-\\\nclients 5\\\n0", NULL, 50, NULL },
	{ "max-clients \\\n\\\n\\\n5\n", NULL, 5, NULL },
	{ "max-clients 5 \\", NULL, 5, NULL },
	{ "max-clients 5 \\\n", NULL, 5, NULL },
	{ "max-clients 5 \\\n\ndata /a\n", NULL, 5, "/a" },
	{ "max-clients 5 \\\n# comment\ndata /a\n", NULL, 5, "/a" },
	{ "max-clients 5 \\\ndata /a\n", ": line 2: " COUNT_ERROR("5 data /a"),
	    1000, NULL },
	/* A backslash continues no line if a blank or a carriage return follows
	 * it, or if another backslash precedes it. */
	{ "max-clients 5\\ \ndata /a\n", ": line 1: " COUNT_ERROR("5\\"), 1000,
	    "/a" },
	{ "max-clients 5\\\r\ndata /a\n", ": line 1: " COUNT_ERROR("5\\"), 1000,
	    "/a" },
	{ "max-clients 5\\\\\ndata /a\n", ": line 1: " COUNT_ERROR("5\\\\"),
	    1000, "/a" },

	/* An escaped # does not begin a comment, and the backslash stays. */
	{ "data /a\\#b\n", ": line 1: " MARK_ERROR("data", "/a\\#b"), 1000,
	    NULL },
	{ "max-clients 5\ndata /a\\b\n",
	    ": line 2: " MARK_ERROR("data", "/a\\b"), 5, NULL },
	{ "listen unix /a\\#b\n", ": line 1: " MARK_ERROR("listen", "/a\\#b"),
	    1000, NULL },

	/* The error names the number of the line, or of the last line of a
	 * continued one. */
	{ "junk", ": line 1: unknown keyword \"junk\"", 1000, NULL },
	{ "\njunk\n", ": line 2: unknown keyword \"junk\"", 1000, NULL },
	{ "# one\n\n  # three\n\t\njunk\n\n",
	    ": line 5: unknown keyword \"junk\"", 1000, NULL },
	{ "max-clients 5\n\\\n\\\njunk\n", ": line 4: unknown keyword \"junk\"",
	    5, NULL },
	{ "max-clients \\\n5\ndata\n", ": line 3: data: value missing", 5,
	    NULL },
	{ "max-clients 5\ndata a\nmax-clients 6\n",
	    ": line 2: " PATH_ERROR("data", "a"), 6, NULL },
	{ "\n\nlisten localhost:80\n",
	    ": line 3: " ADDRESS_ERROR("localhost:80"), 1000, NULL },
	{ "\n\n\n\n\n\n\n\n\n\nmax-value 65M\n",
	    ": line 11: " SIZE_ERROR("65M"), 1000, NULL },
};

static void
assert_loaded(int i, int rc, const char *name)
{
	const char *data = file_table[i].data;
	char want[CONFIG_ERROR_SIZE];

	if (file_table[i].error == NULL) {
		ck_assert_msg(rc == 0, "%.*s", CONFIG_ERROR_SIZE, error);
	} else {
		ck_assert_int_eq(rc, -1);
		snprintf(want, sizeof(want), "%s%s", name, file_table[i].error);
		ck_assert_str_eq(error, want);
	}
	ck_assert_int_eq(config.max_clients, file_table[i].max_clients);
	ck_assert_str_eq(config.data,
	    data == NULL ? KVD_LOCALSTATEDIR "/lib/kvd" : data);
	assert_round_trip();
}

/* This stores the first mistake of a file, or "", in `error`. */
static int
read_file(const char *path)
{
	struct buf errors;
	int rc;

	buf_init(&errors);
	rc = config_file(&config, path, false, &errors);
	buf_append_byte(&errors, '\0');
	ck_assert(!buf_failed(&errors));
	ck_assert_int_eq(rc, buf_size(&errors) > 1 ? -1 : 0);
	snprintf(error, sizeof(error), "%s", (char *)buf_data(&errors));
	error[strcspn(error, "\n")] = '\0';
	buf_clear(&errors);
	return rc;
}

/* This loads a new file and then removes it; the name stays available. */
static int
load_file(const void *data, size_t size, char *path, size_t path_size)
{
	const char *dir = getenv("TMPDIR");
	int fd, rc;

	snprintf(path, path_size, "%s/check_config.XXXXXXXXXX",
	    dir == NULL ? "/tmp" : dir);
	fd = mkstemp(path);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	(void)close(fd);
	rc = read_file(path);
	(void)unlink(path);
	return rc;
}

TEST(test_file)
{
	const char *text = file_table[_i].text;
	char path[256];
	int rc = load_file(text, strlen(text), path, sizeof(path));

	assert_loaded(_i, rc, path);
}

/* Reading stops at the first line that is wrong. */
TEST(test_lines)
{
	ck_assert_int_eq(load_lines(""), 0);
	ck_assert_int_eq(load_lines("\n \n\t\n"), 0);
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
	ck_assert_int_eq(load_lines("\nmax-clients 5"), 0);
	ck_assert_int_eq(config.max_clients, 5);
	ck_assert_int_eq(load_lines("max-clients 6\njunk\nmax-clients 7\n"),
	    -1);
	ck_assert_str_eq(error, "unknown keyword \"junk\"");
	ck_assert_int_eq(config.max_clients, 6);
	/* Comments and continuations are not allowed here. */
	ck_assert_int_eq(load_lines("max-clients 8 # clients"), -1);
	ck_assert_int_eq(load_lines("max-clients 8\\\n0"), -1);
	ck_assert_int_eq(config.max_clients, 6);
}

TEST(test_empty)
{
	char path[256];

	ck_assert_int_eq(load_file("", 0, path, sizeof(path)), 0);
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
}

TEST(test_nul)
{
	static const char text[] = "max-clients 5\0junk\n";
	char path[256];

	ck_assert_int_eq(load_file(text, sizeof(text) - 1, path, sizeof(path)),
	    -1);
}

TEST(test_file_missing)
{
	static const char path[] = "/nonexistent/kvd.conf";

	ck_assert_int_eq(read_file(path), -1);
	ck_assert_str_eq(error,
	    "/nonexistent/kvd.conf: No such file or directory");
	ck_assert_int_eq(read_file(""), -1);
	ck_assert_str_eq(error, ": No such file or directory");
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
}

TEST(test_file_directory)
{
	ck_assert_int_eq(read_file("/"), -1);
	ck_assert_str_eq(error, "/: is a directory");
	assert_print(DEFAULT_LISTEN DEFAULT_REST);
}

/* All mistakes are reported, and all correct lines take effect. */
TEST(test_file_mistakes)
{
	static const char text[] = "junk\nmax-clients 5\ncache x\n\n\ndata d\n";
	char path[] = "/tmp/check_config.XXXXXXXXXX", want[2048];
	struct buf errors;
	int fd = mkstemp(path);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	buf_init(&errors);
	ck_assert_int_eq(config_file(&config, path, true, &errors), -1);
	buf_append_byte(&errors, '\0');
	snprintf(want, sizeof(want),
	    "%s: line 1: unknown keyword \"junk\"\n"
	    "%s: line 3: cache: \"x\" is not a size from 0 to 1073741824 "
	    "bytes, such as 512k or 1M\n"
	    "%s: line 6: data: \"d\" is not an absolute path\n",
	    path, path, path);
	ck_assert_str_eq((char *)buf_data(&errors), want);
	ck_assert_int_eq(config.max_clients, 5);
	(void)unlink(path);
	buf_clear(&errors);
}

/* A file that must be read again may not be one that vanishes when it has been
 * read, or one whose reader would block. */
TEST(test_file_again)
{
	char path[] = "/tmp/check_config.XXXXXXXXXX";
	struct buf errors;

	buf_init(&errors);
	ck_assert_int_eq(config_file(&config, "/dev/null", true, &errors), 0);
	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(config_file(&config, path, true, &errors), -1);
	(void)unlink(path);
	buf_append_byte(&errors, '\0');
	ck_assert_ptr_nonnull(strstr((char *)buf_data(&errors),
	    ": is not a regular file: it cannot be read again\n"));
	buf_clear(&errors);
}

/* A device without an end is read to the limit, whenever it is read. */
TEST(test_endless_file)
{
	struct buf errors;

	buf_init(&errors);
	ck_assert_int_eq(config_file(&config, "/dev/zero", _i != 0, &errors),
	    -1);
	buf_append_byte(&errors, '\0');
	ck_assert_str_eq((char *)buf_data(&errors),
	    "/dev/zero: the configuration is larger than 1M\n");
	buf_clear(&errors);
}

TEST(test_many_listens)
{
	char line[64];
	struct buf errors;
	int i;

	buf_init(&errors);
	for (i = 0; config_check_sizes(&config, &errors) == 0; i++) {
		snprintf(line, sizeof(line), "listen unix /tmp/%d", i);
		ck_assert_int_eq(config_line(&config, line, error), 0);
	}
	ck_assert_int_gt(i, 1000);
	buf_append_byte(&errors, '\0');
	ck_assert_ptr_nonnull(
	    strstr((char *)buf_data(&errors), "use fewer listen\n"));
	buf_clear(&errors);
}

static const struct {
	const char *lines, *error;
} same_table[] = {
	{ "listen 127.0.0.1:4040\nlisten 127.0.0.1:4041", "" },
	{ "listen 127.0.0.1:4040\nlisten [::1]:4040", "" },
	{ "listen 127.0.0.1:0\nlisten 127.0.0.1:0", "" },
	{ "listen [::1]:0\nlisten [::1]:0", "" },
	{ "listen unix /a\nlisten unix /b", "" },
	{ "listen 127.0.0.1:4040\nlisten 127.0.0.1:04040",
	    "listen: 127.0.0.1:4040 and 127.0.0.1:04040 are the same "
	    "address\n" },
	{ "listen [::1]:1\nlisten [0::1]:1 optional",
	    "listen: [::1]:1 and [0::1]:1 optional are the same address\n" },
	{ "listen unix /a\nlisten unix /a mode 0666",
	    "listen: unix /a and unix /a mode 0666 are the same address\n" },
};

TEST(test_same)
{
	struct buf errors;

	buf_init(&errors);
	config_override(&config);
	ck_assert_int_eq(load_lines(same_table[_i].lines), 0);
	ck_assert_int_eq(config_check_listens(&config, &errors),
	    same_table[_i].error[0] == '\0' ? 0 : -1);
	buf_append_byte(&errors, '\0');
	ck_assert_str_eq((char *)buf_data(&errors), same_table[_i].error);
	buf_clear(&errors);
}

/* A file may have any number of lines, including long ones. */
TEST(test_file_large)
{
	char path[256], want[CONFIG_ERROR_SIZE];
	struct buf b;
	int i, rc;

	buf_init(&b);
	for (i = 0; i < 10000; i++)
		buf_append_text(&b, "max-clients 5 # and so on\n");
	for (i = 0; i < 100000; i++)
		buf_append_text(&b, "\t ");
	buf_append_text(&b, "max-clients 6\n");
	ck_assert(!buf_failed(&b));
	rc = load_file(buf_data(&b), buf_size(&b), path, sizeof(path));
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(config.max_clients, 6);

	for (i = 0; i < 100000; i++)
		buf_append_text(&b, "x");
	rc = load_file(buf_data(&b), buf_size(&b), path, sizeof(path));
	ck_assert_int_eq(rc, -1);
	snprintf(want, sizeof(want), "%s: line 10002: unknown keyword \"xxx",
	    path);
	ck_assert_mem_eq(error, want, strlen(want));
	ck_assert_uint_lt(strnlen(error, sizeof(error)), sizeof(error));
	buf_clear(&b);
}

/* The error names the file and the line even if the name of the file is
 * long. */
TEST(test_file_long_name)
{
	char path[1024] = "/tmp/";
	FILE *file;
	int rc;

	/* Repeating "./" lengthens the path but does not change its meaning. */
	while (strlen(path) < CONFIG_ERROR_SIZE)
		strlcat(path, "./", sizeof(path));
	strlcat(path, "check_config.XXXXXXXXXX", sizeof(path));
	file = fdopen(mkstemp(path), "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "\njunk\n");
	(void)fclose(file);
	rc = read_file(path);
	(void)unlink(path);
	ck_assert_int_eq(rc, -1);
	ck_assert_msg(strstr(error, "line 2") != NULL, "%s", error);
}

/* These tests read the configuration again, as kvd does while it runs. */

static struct config fresh;

static void
setup_fresh(void)
{
	setup();
	ck_assert_int_eq(config_init(&fresh), 0);
}

static void
teardown_fresh(void)
{
	config_clear(&fresh);
	teardown();
}

static void
keep_fixed(const char *want_names)
{
	struct buf names;

	buf_init(&names);
	ck_assert_int_eq(config_keep_fixed(&fresh, &config, &names), 0);
	unit_assert_bytes(buf_bytes(&names), bytes_from_text(want_names));
	buf_clear(&names);
}

static void
assert_same(struct config *a, struct config *b)
{
	char *text_a = print(a), *text_b = print(b);

	ck_assert_str_eq(text_a, text_b);
	free(text_a);
	free(text_b);
}

static const struct {
	const char *listen;
	bool exposed;
} exposed_table[] = {
	{ "listen 127.0.0.1:1", false },
	{ "listen 127.255.0.9:1", false },
	{ "listen [::1]:1", false },
	{ "listen [::ffff:127.0.0.1]:1", false },
	{ "listen unix /a", false },
	{ "listen 0.0.0.0:1", true },
	{ "listen 192.0.2.1:1", true },
	{ "listen 128.0.0.1:1", true },
	{ "listen [::]:1", true },
	{ "listen [2001:db8::1]:1", true },
	{ "listen [fe80::1]:1", true },
	{ "listen [::ffff:192.0.2.1]:1", true },
};

TEST(test_exposed)
{
	config_override(&config);
	accept_line(exposed_table[_i].listen);
	ck_assert_int_eq(config_is_exposed(&TAILQ_FIRST(&config.listens)->addr),
	    exposed_table[_i].exposed);
}

/* Values that may change do so, and no keyword is reported. */
TEST(test_keep_nothing)
{
	static const char text[] = "listen 127.0.0.1:1\nlisten unix /a\n"
				   "sync never\nacceptors 2\n"
				   "max-clients 3\n"
				   "max-clients-per-source 4\n"
				   "first-command-timeout 5ms\n"
				   "idle-timeout 6ms\n"
				   "write-timeout 7ms\n"
				   "listing-timeout 12ms\n"
				   "shutdown-timeout 8ms\n"
				   "heartbeat-timeout 9ms\n"
				   "restart-limit 10 in 11ms exit\n";
	char *before = print(&config), *wanted;

	keep_fixed("");
	ck_assert_int_eq(config_lines(&fresh, text, error), 0);
	wanted = print(&fresh);
	keep_fixed("");
	assert_print(before);
	ck_assert_int_eq(load_lines(wanted), 0);
	assert_same(&config, &fresh);
	free(before);
	free(wanted);
}

static const struct {
	const char *line, *names;
} fixed_table[] = {
	{ "data /a", "data" },
	{ "runtime /a", "runtime" },
	{ "libexec /a", "libexec" },
	{ "max-value 2M", "max-value" },
	{ "registry-timeout 1ms", "registry-timeout" },
};

TEST(test_keep_one)
{
	ck_assert_int_eq(config_line(&fresh, fixed_table[_i].line, error), 0);
	keep_fixed(fixed_table[_i].names);
	assert_same(&config, &fresh);
	/* The same holds for the change in the opposite direction. */
	accept_line(fixed_table[_i].line);
	keep_fixed(fixed_table[_i].names);
	assert_same(&config, &fresh);
	keep_fixed("");
}

/* A value that is written differently but means the same is no change. */
TEST(test_keep_same_words)
{
	static const char text[] = "max-value 1024k\nregistry-timeout 10000ms\n"
				   "data " KVD_LOCALSTATEDIR "/lib/kvd \n";

	ck_assert_int_eq(config_lines(&fresh, text, error), 0);
	keep_fixed("");
}

TEST(test_keep_all)
{
	static const char text[] = "data /a\nruntime /b b\nlibexec /c\n"
				   "max-value 1\nregistry-timeout 168h\n"
				   "max-clients 5\nlisten 127.0.0.1:1\n";
	struct buf names;
	size_t i;

	ck_assert_int_eq(config_lines(&fresh, text, error), 0);
	buf_init(&names);
	ck_assert_int_eq(config_keep_fixed(&fresh, &config, &names), 0);
	for (i = 0; i < COUNT(fixed_table); i++)
		ck_assert_ptr_nonnull(memmem(buf_data(&names), buf_size(&names),
		    fixed_table[i].names, strlen(fixed_table[i].names)));
	buf_clear(&names);
	accept_line("max-clients 5");
	accept_line("listen 127.0.0.1:1");
	assert_same(&config, &fresh);
}

/* The path has the greatest possible length. */
TEST(test_keep_long_path)
{
	char line[5 + 4096] = "data /";

	memset(line + 6, 'x', sizeof(line) - 7);
	line[sizeof(line) - 1] = '\0';
	accept_line(line);
	keep_fixed("data");
	ck_assert_str_eq(fresh.data, line + 5);
}

/* The head of a list points into itself, so it cannot be copied as bytes. */
static void
move_listens(int n)
{
	struct config to;
	char *before, *after, line[64];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "listen 127.0.0.1:%d", i + 1);
		ck_assert_int_eq(config_line(&fresh, line, error), 0);
	}
	before = print(&fresh);
	memset(&to, 0x5a, sizeof(to));
	config_move(&to, &fresh);
	/* `fresh` is not used again, so its bytes may be overwritten. */
	memset(&fresh, 0x5a, sizeof(fresh));
	after = print(&to);
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
	ck_assert_int_eq(config_line(&to, "listen [::1]:1", error), 0);
	config_override(&to);
	ck_assert_int_eq(config_line(&to, "listen [::1]:2", error), 0);
	after = print(&to);
	ck_assert_ptr_nonnull(strstr(after, "listen [::1]:2\ndata "));
	free(after);
	config_clear(&to);
	ck_assert_int_eq(config_init(&fresh), 0);
}

TEST(test_move)
{
	move_listens(_i);
}

/* These tests check that children read the same values that the master
 * accepted. */

/* Some lines are refused.  Those that are accepted must be read back from the
 * printed form. */
static const char *const again_table[] = {
	"listen 127.0.0.1:\n80",
	"listen 127.0.0.1:\v80",
	"listen unix /a\v",
	"listen unix /a\nb",
	"data /a\v",
	"data /a\r/b",
	"data /a\n",
	"max-clients \n5",
	"max-value \n5",
	"restart-limit 3\nin\n5s",
	"restart-limit 3 in 5s\nexit",
	"restart-limit 3\vin 5s exit",
};

TEST(test_accepted_again)
{
	(void)config_line(&config, again_table[_i], error);
	assert_round_trip();
}

static const char *const fragments[] = { "listen ", "listen ", "data ",
	"runtime ", "sync ", "max-value ", "max-clients ", "idle-timeout ",
	"restart-limit ", " in ", " exit", "acceptors ", "heartbeat-timeout ",
	"unix ", "/a", "/", "127.0.0.1", "[::1]", ":", "0", "1", "80", "ms",
	"s", "h", "k", "M", "always", "never", " ", "\t", "#", "\\", "\r", "\n",
	"\\\n", "\v", "-", "\xff" };

TEST(test_random)
{
	uint64_t state = (uint64_t)_i + 1;
	char text[256];
	int round, n;

	for (round = 0; round < 3000; round++) {
		text[0] = '\0';
		for (n = (int)(unit_random(&state) % 12) + 1; n > 0; n--)
			strlcat(text,
			    fragments[unit_random(&state) % COUNT(fragments)],
			    sizeof(text));
		(void)load_lines(text);
		assert_round_trip();
		if (round % 8 == 0)
			config_override(&config);
	}
}

static const struct test tests[] = {
	CASE("lines", setup, teardown),
	ONCE(test_defaults),
	ONCE(test_clear_twice),
	EACH(test_number, number_table),
	ONCE(test_fields),
	EACH(test_restart_limit, limit_table),
	EACH(test_control, control_table),
	EACH(test_bad_control, bad_control_table),
	ONCE(test_bad_control_values),
	ONCE(test_changes),
	EACH(test_bad_restart_limit, bad_limit_table),
	EACH(test_error, error_table),
	EACH(test_junk, junk_table),
	EACH(test_nothing, nothing_table),
	ONCE(test_long_errors),
	EACH(test_path, path_table),
	ONCE(test_long_path),
	CASE("listen", setup, teardown),
	EACH(test_listen, listen_table),
	EACH(test_listen_options, option_table),
	ONCE(test_listen_path_bounds),
	ONCE(test_listen_text_bounds),
	ONCE(test_listen_accumulates),
	ONCE(test_listen_refused),
	ONCE(test_override),
	EACH(test_exposed, exposed_table),
	CASE("anew", setup_fresh, teardown_fresh),
	ONCE(test_keep_nothing),
	EACH(test_keep_one, fixed_table),
	ONCE(test_keep_same_words),
	ONCE(test_keep_all),
	ONCE(test_keep_long_path),
	LOOP(test_move, 4),
	CASE("files", setup, teardown),
	EACH(test_file, file_table),
	ONCE(test_lines),
	ONCE(test_empty),
	ONCE(test_nul),
	ONCE(test_file_missing),
	ONCE(test_file_directory),
	ONCE(test_file_mistakes),
	ONCE(test_file_again),
	LOOP(test_endless_file, 2),
	ONCE(test_many_listens),
	EACH(test_same, same_table),
	ONCE(test_file_large),
	ONCE(test_file_long_name),
	EACH(test_accepted_again, again_table),
	LOOP(test_random, 4),
};

SUITE("config", tests)
