/*
 * maintain: commands about the store.
 *
 * kvd says where its data is.  The program that is executed is the one of the
 * configuration: root may be executing this, and kvd need not be root's.
 */

#include <sys/resource.h>
#include <sys/syscall.h>

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvctl/ctl_config.h"
#include "kvctl/maintain.h"

/* For kvd-maintain. */
#define ARGUMENTS_MAX 16

/* ioprio_set(2), which the C library does not have. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

/* Standard output may be for the backup. */
static void
ignore(struct ctl *ctl, void *arg, char *line)
{
	(void)ctl;
	(void)arg;
	(void)line;
}

static void
take_data(struct ctl *ctl, void *arg, char *line)
{
	static const char word[] = "data ";
	char *data = arg;

	(void)ctl;
	if (strncmp(line, word, sizeof(word) - 1) == 0)
		(void)strlcpy(data, line + sizeof(word) - 1, PATH_MAX);
}

static void
execute(const struct ctl *ctl, const char *command, const char *data,
    char *const words[])
{
	const char *args[ARGUMENTS_MAX] = { "kvctl", command, "-u", data };
	char path[PATH_MAX];
	struct config config;
	size_t n = 4;

	ctl_config_read(&config, ctl->options.config);
	if (!config.sandbox)
		args[2] = "-su";
	while (*words != NULL && n < ARGUMENTS_MAX - 1)
		args[n++] = *words++;
	(void)snprintf(path, sizeof(path), "%s/kvd-maintain", config.libexec);
	config_clear(&config);
	/* execv(3) does not change them. */
	(void)execv(path, (char *const *)(uintptr_t)args);
	warn("%s", path);
}

static int
run(struct ctl *ctl, const char *command)
{
	char data[PATH_MAX] = "";
	int status;

	status = ctl_ask(ctl, "checkpoint", NULL, ignore, NULL);
	if (status == CTL_DONE)
		status = ctl_ask(ctl, "config", NULL, take_data, data);
	if (status != CTL_DONE)
		return ctl_complain(ctl, status);
	execute(ctl, command, data, ctl->options.words + 1);
	return CTL_FAILED;
}

int
maintain_backup(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return run(ctl, "backup");
}

int
maintain_verify(struct ctl *ctl, const char *argument)
{
	(void)argument;
	(void)setpriority(PRIO_PROCESS, 0, 19);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
	return run(ctl, "check");
}
