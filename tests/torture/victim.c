/*
 * victim: see victim.h.
 *
 * All random decisions of a blow are made before a process is looked for, so
 * that the same seed makes the same decisions, whatever processes there are.
 */

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "proc.h"
#include "torture/victim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PROCESSES_MAX 16384

/* Most blows wait until a client has had a reply since the last one, so that
 * kvd gets something done even if it starts slowly; but not for ever. */
#define HURRY_ONE_IN 4
#define GIVE_UP_MS 2000
/* One stop in so many stops a family: the master and all workers. */
#define FAMILY_ONE_IN 4
/* One blow in so many hits registry and acceptor at once. */
#define BOTH_ONE_IN 12
/* One blow to the master in so many kills all processes. */
#define ALL_ONE_IN 3

struct decision {
	enum role role;
	enum blow blow;
	uint32_t which; /* which worker */
	int64_t stop_ms;
	bool family, both, all;
};

void
victims_init(struct victims *v, const struct options *o, struct report *r,
    struct server *s, struct load *load)
{
	*v = (struct victims){ .options = o,
		.report = r,
		.server = s,
		.load = load,
		.answered = UINT64_MAX,
		.next_ms = clock_ms() + o->interval_ms };
	dice_init(&v->dice, o->seed, 1);
}

void
victims_clear(struct victims *v)
{
	free(v->stopped);
	free(v->killed);
}

/* Makes room for one more element. */
static void *
grow(void *list, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return list;
	*room = *room == 0 ? 64 : 2 * *room;
	if ((list = reallocarray(list, *room, size)) == NULL)
		err(EX_OSERR, NULL);
	return list;
}

/* The number of one of the bits that are set. */
static unsigned int
choose_bit(struct dice *d, unsigned int bits)
{
	unsigned int n, bit = 0;

	n = dice_below(d, (uint32_t)__builtin_popcount(bits));
	for (;; bit++)
		if (bits & 1U << bit && n-- == 0)
			return bit;
}

static struct decision
decide(struct victims *v)
{
	struct dice *d = &v->dice;
	struct decision decision;
	uint32_t max = (uint32_t)v->options->stop_ms;

	decision.role = (enum role)choose_bit(d, v->options->roles);
	decision.blow = (enum blow)choose_bit(d, v->options->blows);
	decision.which = dice_below(d, PROCESSES_MAX);
	/* Short times are more frequent than long ones. */
	decision.stop_ms = 1 + dice_below(d, 1 + dice_below(d, max));
	decision.family = dice_hit(d, FAMILY_ONE_IN);
	decision.both = dice_hit(d, BOTH_ONE_IN);
	decision.all = dice_hit(d, ALL_ONE_IN);
	return decision;
}

/* Finding processes */

static bool
is_role(const struct proc *p, enum role role)
{
	if (proc_is_dead(p))
		return false;
	if (role == ROLE_CHECKPOINTER)
		return strcmp(p->name, CHECKPOINTER_NAME) == 0;
	if (role == ROLE_REGISTRY)
		return strcmp(p->name, "kvd-registry") == 0;
	/* A worker is forked from the acceptor, and executes no program. */
	return strcmp(p->name, "kvd-acceptor") == 0 &&
	    p->executed == (role == ROLE_ACCEPTOR);
}

static pid_t
find_child(const struct victims *v, enum role role)
{
	static pid_t list[PROCESSES_MAX];
	struct proc p;
	size_t i, n;

	n = proc_children(v->server->master, list, COUNT(list));
	for (i = 0; i < n; i++)
		if (proc_read(list[i], &p) && is_role(&p, role))
			return list[i];
	return 0;
}

/* The workers of this acceptor, and those that the master has adopted. */
static size_t
list_workers(const struct victims *v, pid_t *list, size_t max)
{
	pid_t acceptor = find_child(v, ROLE_ACCEPTOR);
	size_t n;

	n = proc_children(v->server->master, list, max);
	if (acceptor != 0)
		n += proc_children(acceptor, list + n, max - n);
	return n;
}

/*
 * A worker that has set its title: the title has the port of its client, which
 * is the client that will be disconnected.
 */
static pid_t
find_worker(const struct victims *v, uint32_t which, unsigned int *port)
{
	static pid_t list[PROCESSES_MAX];
	size_t i, n = list_workers(v, list, COUNT(list));
	const char *colon;
	struct proc p;

	for (i = 0; i < n; i++)
		if (proc_read(list[(i + which) % n], &p) &&
		    is_role(&p, ROLE_WORKER) &&
		    strncmp(p.title, "kvd: worker ", 12) == 0 &&
		    (colon = strrchr(p.title, ':')) != NULL) {
			*port = (unsigned int)atoi(colon + 1);
			return p.pid;
		}
	return 0;
}

/* Blows */

static void
note_killed(struct victims *v, pid_t pid, enum blow blow)
{
	v->killed =
	    grow(v->killed, v->n_killed, &v->room_killed, sizeof(*v->killed));
	v->killed[v->n_killed++] = (struct killed){ pid, blow };
}

static void
stop(struct victims *v, pid_t pid, int64_t stop_ms)
{
	if (kill(pid, SIGSTOP) == -1)
		return;
	v->stopped = grow(v->stopped, v->n_stopped, &v->room_stopped,
	    sizeof(*v->stopped));
	v->stopped[v->n_stopped++] =
	    (struct stopped){ pid, clock_ms() + stop_ms };
}

static void
hit(struct victims *v, enum role role, const struct decision *d)
{
	unsigned int port = 0;
	pid_t pid;

	pid = role == ROLE_WORKER ? find_worker(v, d->which, &port) :
				    find_child(v, role);
	if (pid == 0)
		return;
	v->report->blows[role][d->blow]++;
	report_note(v->report, "%s %s, pid %ld, port %u, for %lld ms",
	    blow_names[d->blow].text, role_names[role].text, (long)pid, port,
	    d->blow == BLOW_STOP ? (long long)d->stop_ms : 0);
	if (d->blow == BLOW_STOP) {
		stop(v, pid, d->stop_ms);
		return;
	}
	if (role == ROLE_WORKER)
		load_excuse(v->load, port);
	note_killed(v, pid, d->blow);
	(void)kill(pid, blow_names[d->blow].signal);
	/* An acceptor that is told to end loses no client. */
	if (role == ROLE_ACCEPTOR && d->blow != BLOW_TERM)
		v->load->acceptor_died_ms = clock_ms();
}

/* Stops the master and all workers, in a random order. */
static void
stop_family(struct victims *v, const struct decision *d)
{
	static pid_t list[PROCESSES_MAX];
	pid_t other;
	size_t i, j, n;

	list[0] = v->server->master;
	n = 1 + list_workers(v, list + 1, COUNT(list) - 1);
	for (i = n - 1; i > 0; i--) {
		j = dice_mix(d->which + i) % (i + 1);
		other = list[i];
		list[i] = list[j];
		list[j] = other;
	}
	for (i = 0; i < n; i++)
		stop(v, list[i], d->stop_ms);
	v->report->families++;
	report_note(v->report, "STOP family of %zu, for %lld ms", n,
	    (long long)d->stop_ms);
}

static void
hit_master(struct victims *v, const struct decision *d)
{
	enum blow blow = d->blow;

	/* A master that is told to end does so for good. */
	if (blow == BLOW_TERM)
		blow = BLOW_KILL;
	v->report->blows[ROLE_MASTER][blow]++;
	if (blow == BLOW_STOP) {
		stop(v, v->server->master, d->stop_ms);
		return;
	}
	report_note(v->report, "%s master%s", blow_names[blow].text,
	    d->all ? " and all others" : "");
	note_killed(v, v->server->master, blow);
	load_server_dies(v->load);
	server_end(v->server, d->all ? SIGKILL : blow_names[blow].signal,
	    d->all);
	/* Processes that are stopped could not end. */
	victims_resume(v);
}

static void
strike(struct victims *v)
{
	struct decision d = decide(v);

	if (d.blow == BLOW_STOP && d.family)
		stop_family(v, &d);
	else if (d.role == ROLE_MASTER)
		hit_master(v, &d);
	else
		hit(v, d.role, &d);
	if (d.both && d.role == ROLE_REGISTRY &&
	    v->options->roles & 1U << ROLE_ACCEPTOR)
		hit(v, ROLE_ACCEPTOR, &d);
}

static void
plan(struct victims *v, int64_t now_ms)
{
	v->next_ms = now_ms +
	    dice_below(&v->dice, 2 * (uint32_t)v->options->interval_ms);
	v->give_up_ms = v->next_ms + GIVE_UP_MS;
	v->answered = v->report->requests;
	if (dice_hit(&v->dice, HURRY_ONE_IN))
		v->answered = UINT64_MAX;
}

static bool
is_time(const struct victims *v, int64_t now_ms)
{
	if (v->server->state != SERVER_READY || now_ms < v->next_ms)
		return false;
	return v->report->requests != v->answered || now_ms >= v->give_up_ms;
}

/* Continuing stopped processes */

static void
resume(struct victims *v, int64_t now_ms)
{
	size_t i = 0;

	while (i < v->n_stopped)
		if (v->stopped[i].until_ms <= now_ms) {
			(void)kill(v->stopped[i].pid, SIGCONT);
			report_note(v->report, "pid %ld goes on",
			    (long)v->stopped[i].pid);
			v->stopped[i] = v->stopped[--v->n_stopped];
		} else
			i++;
}

void
victims_resume(struct victims *v)
{
	resume(v, CLOCK_NEVER);
}

int64_t
victims_run(struct victims *v)
{
	int64_t now_ms = clock_ms(), next_ms;
	size_t i;

	resume(v, now_ms);
	if (is_time(v, now_ms)) {
		strike(v);
		plan(v, now_ms);
	}
	next_ms = v->next_ms;
	for (i = 0; i < v->n_stopped; i++)
		if (v->stopped[i].until_ms < next_ms)
			next_ms = v->stopped[i].until_ms;
	return next_ms;
}

bool
victims_include(const struct victims *v, pid_t pid, bool told)
{
	size_t i;

	for (i = 0; i < v->n_killed; i++)
		if (v->killed[i].pid == pid &&
		    (!told || v->killed[i].blow == BLOW_TERM))
			return true;
	return false;
}
