/*
 * backups: see backups.h.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "store/store_image.h"
#include "torture/backups.h"
#include "torture/client.h"

/* No step takes so long, also while the checkpointer dies again and again. */
#define STEP_MS 120000
/* The recorder may have to wait for a new master, and read what it missed. */
#define HEAR_MS 10000
#define ARGS_MAX 16

void
backups_init(struct backups *b, const struct options *o, struct report *r,
    const struct server *s, struct load *load)
{
	*b = (struct backups){ .options = o,
		.report = r,
		.server = s,
		.load = load,
		.slots = (size_t)o->clients * (o->keys + 1),
		.next_ms = clock_ms() + o->backup_ms };
	recorder_init(&b->recorder, b->slots);
	b->acked = calloc(b->slots, sizeof(*b->acked));
	b->sent = calloc(b->slots, sizeof(*b->sent));
	b->copied = calloc(b->slots, sizeof(*b->copied));
	if (b->acked == NULL || b->sent == NULL || b->copied == NULL)
		err(EX_OSERR, NULL);
}

void
backups_clear(struct backups *b)
{
	if (b->pid > 0 && kill(b->pid, SIGKILL) == 0)
		(void)waitpid(b->pid, NULL, 0);
	recorder_clear(&b->recorder);
	free(b->acked);
	free(b->sent);
	free(b->copied);
}

/* Commands */

static void
redirect(const struct backups *b)
{
	char path[128];

	server_path(b->server, "output", path);
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO ||
	    open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) != STDOUT_FILENO ||
	    dup2(STDOUT_FILENO, STDERR_FILENO) == -1)
		_exit(126);
	closefrom(3);
}

/* Starts a program of the build with these words, which NULL ends. */
static void
start(struct backups *b, enum backups_step step, const char *const words[])
{
	char path[PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", b->options->build,
	    words[0]);
	(void)fflush(NULL);
	if ((b->pid = fork()) == -1)
		err(EX_OSERR, "fork");
	if (b->pid == 0) {
		redirect(b);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)execv(path, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	b->step = step;
	b->began_ms = clock_ms();
}

static void
start_copy(struct backups *b)
{
	char config[128], file[128], text[PATH_MAX + 256];
	const char *words[] = { "kvctl", "-f", config, "backup", "-f", file,
		NULL };
	FILE *out;

	server_path(b->server, "kvctl.conf", config);
	server_path(b->server, "backup", file);
	(void)snprintf(text, sizeof(text), "runtime %s/run\nlibexec %s\n",
	    b->server->dir, b->options->libexec);
	if ((out = fopen(config, "we")) == NULL || fputs(text, out) == EOF ||
	    fclose(out) == EOF)
		err(EX_OSERR, "%s", config);
	(void)unlink(file);
	start(b, BACKUPS_COPY, words);
}

/* kvd with an option, for the directory of the copy. */
static void
start_kvd(struct backups *b, enum backups_step step, const char *option,
    const char *argument)
{
	char data[160], libexec[PATH_MAX + 16];
	const char *words[ARGS_MAX] = { "kvd", "-o", data, "-o", libexec,
		option, argument, NULL };

	(void)snprintf(data, sizeof(data), "data %s/copy", b->server->dir);
	(void)snprintf(libexec, sizeof(libexec), "libexec %s",
	    b->options->libexec);
	start(b, step, words);
}

static void
read_output(const struct backups *b, char text[512])
{
	char path[128];
	ssize_t n = 0;
	int fd;

	server_path(b->server, "output", path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, text, 511);
		(void)close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static void
fail(struct backups *b, const char *what)
{
	char text[512];

	read_output(b, text);
	report_failure(b->report, &b->report->copies,
	    "backup of revision %" PRIu64 ": %s: \"%s\"", b->revision, what,
	    text);
	b->step = BACKUPS_IDLE;
}

/* What the clients know */

static void
note_versions(const struct backups *b, uint64_t *versions, bool sent)
{
	const struct ledger *l;
	unsigned int i, key;

	for (i = 0; i < b->load->n; i++) {
		l = &b->load->clients[i].ledger;
		for (key = 0; key < l->keys; key++)
			versions[watcher_key_slot(b->load, i, key)] =
			    sent ? l->key[key].sent : l->key[key].acked;
		versions[watcher_counter_slot(b->load, i)] =
		    sent ? l->counter.sent : l->counter.acked;
	}
}

/* The copy */

/* A value ends where it ends, and not with a byte that is no digit. */
static bool
read_counter(const char *value, size_t size, uint64_t *version)
{
	char text[32] = "";

	if (size < sizeof(text))
		memcpy(text, value, size);
	return size < sizeof(text) && ledger_read_counter(text, size, version);
}

/* "1.2", the key of a client, or "1.n", its counter. */
static void
take_entry(struct backups *b, const char *name, const char *value, size_t size)
{
	const struct ledger *l;
	unsigned int client, key = 0;
	uint64_t version;
	char counter;
	bool good;

	if (sscanf(name, "%u.%c", &client, &counter) != 2 ||
	    client >= b->load->n)
		return;
	l = &b->load->clients[client].ledger;
	if (counter != 'n' &&
	    (sscanf(name, "%*u.%u", &key) != 1 || key >= l->keys))
		return;
	good = counter == 'n' ? read_counter(value, size, &version) :
				ledger_read_key(l, key, value, size, &version);
	if (!good)
		fail(b, "a value is none that its key has had");
	else if (counter == 'n')
		b->copied[watcher_counter_slot(b->load, client)] = version;
	else
		b->copied[watcher_key_slot(b->load, client, key)] = version;
}

static bool
visit(void *arg, const struct image_record *r)
{
	struct backups *b = arg;
	char name[32];
	size_t size = r->key.size - ID_SIZE;

	if (r->there && size < sizeof(name)) {
		memcpy(name, (const char *)r->key.data + ID_SIZE, size);
		name[size] = '\0';
		take_entry(b, name, (const char *)r->value.data + ENTRY_HEADER,
		    r->value.size - ENTRY_HEADER);
	}
	return b->step != BACKUPS_IDLE;
}

static void
complain(void *arg, size_t page, const char *what)
{
	struct backups *b = arg;

	(void)page;
	fail(b, what);
}

/* kvd -c has found it to be sound. */
static void
read_copy(struct backups *b)
{
	struct store_image image;
	char path[128];

	memset(b->copied, 0, b->slots * sizeof(*b->copied));
	server_path(b->server, "copy", path);
	if (store_image_open(&image, path, NULL) != STORE_OK)
		fail(b, image.error);
	else if (image.revision != b->revision)
		fail(b, "the copy has another revision");
	else
		(void)image_walk(&image, DB_ENTRIES, visit, complain, b);
	store_image_close(&image);
}

/* Comparing */

static void
fail_slot(struct backups *b, size_t slot, const char *what, uint64_t want)
{
	unsigned int keys = b->options->keys + 1;

	report_failure(b->report, &b->report->copies,
	    "backup of revision %" PRIu64 ": client %zu, key %zu (%u: the "
	    "counter): has version %" PRIu64 ", %s %" PRIu64,
	    b->revision, slot / keys, slot % keys, keys - 1, b->copied[slot],
	    what, want);
}

/* Returns whether all of it was compared with its revision. */
static bool
compare(struct backups *b)
{
	bool exact = b->recorder.revision >= b->revision;
	uint64_t known;
	size_t i;

	if (exact)
		recorder_go_to(&b->recorder, b->revision);
	for (i = 0; i < b->slots; i++) {
		known = exact ? b->recorder.versions[i] : RECORDER_UNKNOWN;
		if (b->copied[i] < b->acked[i])
			fail_slot(b, i,
			    "was acknowledged before:", b->acked[i]);
		else if (b->copied[i] > b->sent[i])
			fail_slot(b, i, "was sent until its end:", b->sent[i]);
		else if (known != RECORDER_UNKNOWN && b->copied[i] != known)
			fail_slot(b, i, "and its revision has", known);
		if (known == RECORDER_UNKNOWN)
			exact = false;
	}
	return exact;
}

static void
finish(struct backups *b)
{
	bool exact = compare(b);

	b->report->backups++;
	b->report->exact += exact;
	report_note(b->report, "backup of revision %" PRIu64 " is compared%s",
	    b->revision, exact ? " exactly" : "");
	b->step = BACKUPS_IDLE;
}

/* Steps */

static void
begin(struct backups *b)
{
	b->next_ms = clock_ms() + b->options->backup_ms;
	b->epoch = b->load->epoch;
	b->revision = 0;
	note_versions(b, b->acked, false);
	recorder_hold(&b->recorder);
	start_copy(b);
}

/* It may fail if the master has died, and says so, and leaves nothing. */
static void
end_failed_copy(struct backups *b, const char *file)
{
	char text[512];

	read_output(b, text);
	b->report->refused++;
	if (access(file, F_OK) == 0)
		fail(b, "has failed, and left a file");
	else if (b->epoch == b->load->epoch && !b->load->down)
		fail(b, "has failed");
	else if (text[0] == '\0')
		fail(b, "has failed, and not said why");
	else
		report_note(b->report, "a backup says \"%s\"", text);
	b->step = BACKUPS_IDLE;
}

static void
end_copy(struct backups *b, int status)
{
	static const char says[] = "backup of revision %" SCNu64 ":";
	char text[512], file[128], copy[128];
	struct stat st;

	server_path(b->server, "backup", file);
	if (status != 0) {
		end_failed_copy(b, file);
		return;
	}
	note_versions(b, b->sent, true);
	read_output(b, text);
	if (sscanf(text, says, &b->revision) != 1 || stat(file, &st) == -1 ||
	    (st.st_mode & 07777) != 0600) {
		fail(b, "has no revision, no file, or the wrong mode");
		return;
	}
	server_path(b->server, "copy", copy);
	remove_tree(copy);
	start_kvd(b, BACKUPS_RESTORE, "-R", file);
}

static void
end_restore(struct backups *b, int status)
{
	if (status != 0)
		fail(b, "cannot be restored");
	else
		start_kvd(b, BACKUPS_CHECK, "-c", NULL);
}

static void
end_check(struct backups *b, int status)
{
	if (status != 0) {
		fail(b, "is damaged when it is restored");
		return;
	}
	b->step = BACKUPS_HEAR;
	b->began_ms = clock_ms();
	read_copy(b);
}

static void
hear(struct backups *b)
{
	if (b->recorder.revision >= b->revision ||
	    clock_ms() > b->began_ms + HEAR_MS)
		finish(b);
}

static void
look(struct backups *b)
{
	static void (*const ends[BACKUPS_STEPS])(struct backups *, int) = {
		[BACKUPS_COPY] = end_copy,
		[BACKUPS_RESTORE] = end_restore,
		[BACKUPS_CHECK] = end_check,
	};
	int status;

	if (waitpid(b->pid, &status, WNOHANG) == b->pid) {
		b->pid = 0;
		ends[b->step](b, status);
	} else if (clock_ms() > b->began_ms + STEP_MS) {
		(void)kill(b->pid, SIGKILL);
		(void)waitpid(b->pid, NULL, 0);
		b->pid = 0;
		fail(b, "does not end");
	}
}

static bool
may_begin(const struct backups *b)
{
	return b->options->backup_ms > 0 && b->load->stage == LOAD_RUN &&
	    !b->load->down && b->server->state == SERVER_READY &&
	    clock_ms() >= b->next_ms;
}

void
backups_run(struct backups *b)
{
	if (b->step == BACKUPS_IDLE && may_begin(b))
		begin(b);
	else if (b->step == BACKUPS_HEAR)
		hear(b);
	else if (b->step != BACKUPS_IDLE)
		look(b);
	if (b->step == BACKUPS_IDLE && b->recorder.held)
		recorder_release(&b->recorder);
}

bool
backups_are_busy(const struct backups *b)
{
	return b->step != BACKUPS_IDLE;
}
