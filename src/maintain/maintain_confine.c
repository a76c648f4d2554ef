/*
 * maintain_confine: see maintain_confine.h.  Runs in kvd-maintain.
 */

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/landlock.h"
#include "common/syscall_name.h"
#include "maintain/maintain_confine.h"
#include "sandbox/sandbox_compile.h"

static void
say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

/* Called by a signal handler. */
static void
report_violation(int number)
{
	const char *name = syscall_name(number);

	say("kvd-maintain: killed by its sandbox (system call ");
	say(name == NULL ? "unknown" : name);
	say("): please report this; `sandbox no' in kvd.conf does without\n");
}

static int
allow_directory(int rules, const char *path)
{
	return landlock_allow(rules, path,
	    LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_CHANGE);
}

static int
restrict_files(const char *data, const char *dir)
{
	int rules = landlock_begin();

	if (rules == -1)
		return -1;
	if (allow_directory(rules, data) == -1 ||
	    (dir != NULL && allow_directory(rules, dir) == -1))
		return -1;
	return landlock_enter(rules);
}

void
maintain_confine_files(bool wanted, const char *data, const char *dir)
{
	if (wanted && restrict_files(data, dir) == -1)
		err(EX_OSERR, "landlock");
}

void
maintain_confine_calls(bool wanted)
{
	struct sandbox_filter filter;
	char error[SANDBOX_ERROR_SIZE];

	if (!wanted || !sandbox_can_compile(error) || !sandbox_is_possible())
		return;
	if (sandbox_compile(&sandbox_maintain, 0, &filter, error) == -1)
		errx(errno == EINVAL ? EX_SOFTWARE : EX_OSERR,
		    "cannot confine itself to its system calls: %s; "
		    "`sandbox no' in kvd.conf does without",
		    error);
	if (sandbox_enter(&filter, report_violation) == -1)
		err(EX_OSERR, "sandbox");
	/* The kernel has a copy. */
	sandbox_free(&filter);
}

void
maintain_confine(bool wanted, const char *data)
{
	maintain_confine_files(wanted, data, NULL);
	maintain_confine_calls(wanted);
}
