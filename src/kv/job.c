/*
 * job: a command that kv runs.
 */

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/startup.h"
#include "kv/job.h"
#include "kv/kv_status.h"

static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
	SIGUSR2 };

/* nohup(1), and a shell for what it runs in the background, have some of these
 * ignored, and then the command ignores them, too. */
static bool
is_ignored(int signo)
{
	struct sigaction action;

	return sigaction(signo, NULL, &action) == 0 &&
	    action.sa_handler == SIG_IGN;
}

void
job_open(struct job *j)
{
	sigset_t set;
	size_t i;

	memset(j, 0, sizeof(*j));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (!is_ignored(passed[i]))
			sigaddset(&set, passed[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	/* A message that nobody reads must not end the command. */
	(void)signal(SIGPIPE, SIG_IGN);
	j->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (j->signal_fd == -1)
		err(KV_FAILED, "signalfd");
}

__attribute__((noreturn)) static void
execute(pid_t parent, char *argv[])
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* kv may have died before that. */
	if (getppid() != parent)
		_exit(JOB_CANNOT_EXECUTE);
	startup_unblock();
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(argv[0], argv);
	warn("%s", argv[0]);
	_exit(errno == ENOENT ? JOB_NOT_FOUND : JOB_CANNOT_EXECUTE);
}

bool
job_start(struct job *j, char *argv[])
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		execute(parent, argv);
	if (pid == -1)
		return false;
	j->pid = pid;
	return true;
}

static void
reap(struct job *j)
{
	int status;

	if (j->pid == 0 || waitpid(j->pid, &status, WNOHANG) != j->pid)
		return;
	j->pid = 0;
	j->ended = true;
	j->status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What a terminal sends goes to the whole foreground process group, so the
 * command has it already. */
static void
pass(struct job *j, const struct signalfd_siginfo *info)
{
	int signo = (int)info->ssi_signo;

	if (j->pid == 0)
		j->signo = signo;
	else if (info->ssi_code != SI_KERNEL)
		(void)kill(j->pid, signo);
}

void
job_take_signals(struct job *j)
{
	struct signalfd_siginfo info;

	while (read(j->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(j);
		else
			pass(j, &info);
	}
}

void
job_kill(const struct job *j, int signo)
{
	if (j->pid != 0)
		(void)kill(j->pid, signo);
}

void
job_die(const struct job *j)
{
	(void)signal(j->signo, SIG_DFL);
	startup_unblock();
	(void)raise(j->signo);
	_exit(128 + j->signo);
}
