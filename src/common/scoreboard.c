/*
 * scoreboard: who is connected.  Runs in the master and the acceptors; a worker,
 * which may have been taken over, has none of it but its own slot text, and the
 * registry has a counter, to read.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/futex.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/scoreboard.h"

/* Heads of the lists of slots from one source, by hash. */
#define HEADS 4096
/* How long the master waits, and how often it looks: a holder needs
 * microseconds. */
#define MASTER_WAIT_MS 1000
#define MASTER_POLL_NS 1000000
/* IPv6: whoever has one address of a network has all 2^64. */
#define SOURCE_SIZE_V6 8

struct slot {
	pid_t owner; /* the acceptor; 0: free */
	pid_t pid; /* 0: not forked yet */
	uint32_t next, previous; /* of the same hash, or the next free one */
	sa_family_t family;
	in_port_t port; /* in network order */
	uint8_t address[16];
	int64_t started_ms;
};

/* All but the slots in use is derived from them: see count_anew(). */
struct shared {
	pthread_mutex_t lock;
	uint32_t live;
	uint32_t free; /* first of a list */
	uint32_t high; /* slots from here on have never been used */
	uint32_t heads[HEADS];
	struct slot slots[SCOREBOARD_MAX];
};

struct scoreboard {
	struct shared *shared;
	int fd;
	off_t size; /* of the file, which may have no room for all slot_texts */
};

/*
 * The file: a page that begins with a counter, the shared part, and then a
 * page for each slot text, so that a worker can be given its own and no other.
 */
static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t
shared_size(void)
{
	size_t page = page_size();

	return (sizeof(struct shared) + page - 1) / page * page;
}

static off_t
slot_text_offset(uint32_t n)
{
	return (off_t)(page_size() + shared_size() + n * page_size());
}

static int
init_shared(struct shared *s)
{
	pthread_mutexattr_t attr;
	size_t i;
	int rc;

	if ((rc = pthread_mutexattr_init(&attr)) != 0)
		return rc;
	rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = pthread_mutex_init(&s->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	s->free = SCOREBOARD_NONE;
	for (i = 0; i < HEADS; i++)
		s->heads[i] = SCOREBOARD_NONE;
	return rc;
}

/* Room for all slot texts, or for as many as the limit of a file's size allows:
 * what a worker without one does is not told, that is all. */
static int
set_size(int fd)
{
	struct rlimit limit;

	if (ftruncate(fd, slot_text_offset(SCOREBOARD_MAX)) == 0)
		return 0;
	if (errno != EFBIG || getrlimit(RLIMIT_FSIZE, &limit) == -1)
		return -1;
	if (limit.rlim_cur < (rlim_t)slot_text_offset(0)) {
		errno = EFBIG;
		return -1;
	}
	return ftruncate(fd, (off_t)limit.rlim_cur);
}

int
scoreboard_create(void)
{
	struct scoreboard *r = NULL;
	int fd, rc;

	fd = memfd_create("kvd-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	/* Nobody can cut it short under the others. */
	if (set_size(fd) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		0 &&
	    (r = scoreboard_open(fd)) != NULL) {
		rc = init_shared(r->shared);
		scoreboard_close(r);
		if (rc == 0)
			return fd;
		errno = rc;
	}
	rc = errno;
	(void)close(fd);
	errno = rc;
	return -1;
}

struct scoreboard *
scoreboard_open(int fd)
{
	struct scoreboard *r;
	struct stat st;
	void *shared;

	if (fstat(fd, &st) == -1 || (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->fd = fd;
	r->size = st.st_size;
	shared = mmap(NULL, page_size() + shared_size(), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED) {
		free(r);
		return NULL;
	}
	r->shared = (void *)((char *)shared + page_size());
	if (madvise(shared, page_size() + shared_size(), MADV_DONTFORK) == -1) {
		scoreboard_close(r);
		return NULL;
	}
	return r;
}

static void *
first_page(struct scoreboard *r)
{
	return (char *)r->shared - page_size();
}

void
scoreboard_close(struct scoreboard *r)
{
	(void)munmap(first_page(r), page_size() + shared_size());
	free(r);
}

const uint64_t *
scoreboard_map_refused(int fd)
{
	void *page = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

void
scoreboard_count_refused(struct scoreboard *r)
{
	uint64_t *refused = first_page(r);

	(void)__atomic_fetch_add(refused, 1, __ATOMIC_RELAXED);
}

static bool
has_source(const struct slot *slot)
{
	return slot->family == AF_INET || slot->family == AF_INET6;
}

static size_t
source_size(const struct slot *slot)
{
	return slot->family == AF_INET ? sizeof(struct in_addr) :
					 SOURCE_SIZE_V6;
}

static bool
same_source(const struct slot *a, const struct slot *b)
{
	return a->family == b->family &&
	    memcmp(a->address, b->address, source_size(a)) == 0;
}

/* FNV-1a: an attacker who makes sources collide makes lists of those of his
 * own clients, no longer than there are clients. */
static uint32_t *
source_head(struct shared *s, const struct slot *slot)
{
	uint32_t hash = 2166136261U;
	size_t i;

	for (i = 0; i < source_size(slot); i++)
		hash = (hash ^ slot->address[i]) * 16777619U;
	return &s->heads[(hash ^ (hash >> 16)) % HEADS];
}

static void
link_slot(struct shared *s, uint32_t n)
{
	struct slot *slot = &s->slots[n];
	uint32_t *head;

	s->live++;
	if (!has_source(slot))
		return;
	head = source_head(s, slot);
	slot->previous = SCOREBOARD_NONE;
	slot->next = *head;
	if (*head != SCOREBOARD_NONE)
		s->slots[*head].previous = n;
	*head = n;
}

static void
unlink_slot(struct shared *s, uint32_t n)
{
	struct slot *slot = &s->slots[n];

	s->live--;
	if (!has_source(slot))
		return;
	if (slot->previous == SCOREBOARD_NONE)
		*source_head(s, slot) = slot->next;
	else
		s->slots[slot->previous].next = slot->next;
	if (slot->next != SCOREBOARD_NONE)
		s->slots[slot->next].previous = slot->previous;
}

static void
put_free(struct shared *s, uint32_t n)
{
	s->slots[n].next = s->free;
	s->free = n;
}

/* Somebody died in the middle of it: only who owns what is certain. */
static void
count_anew(struct shared *s)
{
	uint32_t n;

	s->live = 0;
	s->free = SCOREBOARD_NONE;
	for (n = 0; n < HEADS; n++)
		s->heads[n] = SCOREBOARD_NONE;
	for (n = s->high; n-- > 0;) {
		if (s->slots[n].owner == 0)
			put_free(s, n);
		else
			link_slot(s, n);
	}
}

static void
locked(struct shared *s, int rc)
{
	if (rc == EOWNERDEAD) {
		count_anew(s);
		(void)pthread_mutex_consistent(&s->lock);
	}
}

/* For as long as it takes: an acceptor that waits too long is found hung. */
static void
lock(struct shared *s)
{
	locked(s, pthread_mutex_lock(&s->lock));
}

/*
 * Who has the lock; 0: nobody.  It is in the word where the kernel looks for
 * it when a process dies, and glibc has that first: get_robust_list(2).  A
 * field of our own would be set too late, and cleared too early.
 */
static pid_t
holder(struct shared *s)
{
	return (pid_t)((unsigned int)__atomic_load_n(&s->lock.__data.__lock,
			   __ATOMIC_ACQUIRE) &
	    FUTEX_TID_MASK);
}

/* Returns 0, or who does not let go of it.  Not pthread_mutex_timedlock(3),
 * whose clock can be set. */
static pid_t
lock_soon(struct shared *s)
{
	static const struct timespec pause = { .tv_nsec = MASTER_POLL_NS };
	int64_t deadline_ms = clock_ms() + MASTER_WAIT_MS;
	pid_t pid = 0;
	int rc;

	while ((rc = pthread_mutex_trylock(&s->lock)) == EBUSY) {
		/* Let go of just now: once more. */
		if (clock_ms() >= deadline_ms && (pid = holder(s)) != 0)
			return pid;
		(void)nanosleep(&pause, NULL);
	}
	locked(s, rc);
	return 0;
}

static void
unlock(struct shared *s)
{
	(void)pthread_mutex_unlock(&s->lock);
}

static void
fill_slot(struct slot *slot, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;

	memset(slot, 0, sizeof(*slot));
	slot->family = addr->ss_family;
	slot->started_ms = clock_ms();
	if (addr->ss_family == AF_INET) {
		slot->port = sin->sin_port;
		memcpy(slot->address, &sin->sin_addr, sizeof(sin->sin_addr));
	} else if (addr->ss_family == AF_INET6) {
		slot->port = sin6->sin6_port;
		memcpy(slot->address, &sin6->sin6_addr,
		    sizeof(sin6->sin6_addr));
	}
}

static bool
source_is_full(struct shared *s, const struct slot *slot, int64_t max)
{
	int64_t count = 0;
	uint32_t n;

	if (max == 0 || !has_source(slot))
		return false;
	for (n = *source_head(s, slot); n != SCOREBOARD_NONE && count < max;
	     n = s->slots[n].next)
		count += same_source(&s->slots[n], slot);
	return count >= max;
}

static void
take_slot(struct shared *s, const struct slot *fresh, uint32_t *taken)
{
	uint32_t n = s->free;

	if (n != SCOREBOARD_NONE)
		s->free = s->slots[n].next;
	else
		n = s->high++;
	s->slots[n] = *fresh;
	/* From here on it is in use, whatever becomes of this process. */
	__atomic_store_n(&s->slots[n].owner, getpid(), __ATOMIC_RELEASE);
	link_slot(s, n);
	*taken = n;
}

enum scoreboard_result
scoreboard_take(struct scoreboard *r, const struct sockaddr_storage *addr,
    int64_t max, int64_t max_per_source, uint32_t *taken)
{
	struct shared *s = r->shared;
	enum scoreboard_result result = SCOREBOARD_OK;
	struct slot fresh;

	fill_slot(&fresh, addr);
	lock(s);
	if (s->live >= max || s->live >= SCOREBOARD_MAX)
		result = SCOREBOARD_FULL;
	else if (source_is_full(s, &fresh, max_per_source))
		result = SCOREBOARD_SOURCE_FULL;
	else
		take_slot(s, &fresh, taken);
	unlock(s);
	return result;
}

void
scoreboard_set_pid(struct scoreboard *r, uint32_t n, pid_t pid)
{
	__atomic_store_n(&r->shared->slots[n].pid, pid, __ATOMIC_RELEASE);
}

static void
release_slot(struct shared *s, uint32_t n)
{
	unlink_slot(s, n);
	__atomic_store_n(&s->slots[n].owner, 0, __ATOMIC_RELEASE);
	put_free(s, n);
}

void
scoreboard_release(struct scoreboard *r, uint32_t n)
{
	lock(r->shared);
	release_slot(r->shared, n);
	unlock(r->shared);
}

uint32_t
scoreboard_next(struct scoreboard *r, pid_t owner, uint32_t after, pid_t *pid)
{
	struct shared *s = r->shared;
	uint32_t n;

	for (n = after == SCOREBOARD_NONE ? 0 : after + 1; n < s->high; n++)
		if (s->slots[n].owner != 0 &&
		    (owner == 0 || s->slots[n].owner == owner) &&
		    s->slots[n].pid != 0) {
			*pid = s->slots[n].pid;
			return n;
		}
	return SCOREBOARD_NONE;
}

char *
scoreboard_map_slot_text(const struct scoreboard *r, uint32_t n)
{
	char *slot_text;

	/* Memory beyond the end of a file cannot be written to. */
	if (r->size < slot_text_offset(n + 1))
		return NULL;
	slot_text = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
	    r->fd, slot_text_offset(n));
	if (slot_text == MAP_FAILED)
		return NULL;
	slot_text[0] = '\0';
	return slot_text;
}

pid_t
scoreboard_release_soon(struct scoreboard *r, uint32_t n)
{
	pid_t other = lock_soon(r->shared);

	if (other != 0)
		return other;
	release_slot(r->shared, n);
	unlock(r->shared);
	return 0;
}

/* It forks one at a time. */
static uint32_t
find_unnamed(struct shared *s, pid_t owner)
{
	uint32_t n;

	for (n = 0; n < s->high; n++)
		if (s->slots[n].owner == owner && s->slots[n].pid == 0)
			return n;
	return SCOREBOARD_NONE;
}

bool
scoreboard_has_unnamed(struct scoreboard *r, pid_t owner)
{
	return find_unnamed(r->shared, owner) != SCOREBOARD_NONE;
}

pid_t
scoreboard_adopt(struct scoreboard *r, pid_t owner, pid_t orphan)
{
	struct shared *s = r->shared;
	pid_t other, master = getpid();
	uint32_t n;

	if ((other = lock_soon(s)) != 0)
		return other;
	n = find_unnamed(s, owner);
	if (n != SCOREBOARD_NONE && orphan != 0)
		scoreboard_set_pid(r, n, orphan);
	else if (n != SCOREBOARD_NONE)
		release_slot(s, n);
	/* The dead one's pid may be that of another acceptor one day. */
	for (n = 0; n < s->high; n++)
		if (s->slots[n].owner == owner)
			__atomic_store_n(&s->slots[n].owner, master,
			    __ATOMIC_RELEASE);
	unlock(s);
	return 0;
}

static void
describe_client(const struct slot *slot, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "unknown";

	if (!has_source(slot)) {
		snprintf(text, size, "on a Unix socket");
		return;
	}
	(void)inet_ntop(slot->family, slot->address, host, sizeof(host));
	snprintf(text, size, slot->family == AF_INET ? "%s:%u" : "[%s]:%u",
	    host, ntohs(slot->port));
}

/* The worker may have written anything. */
static void
describe_command(int fd, uint32_t n, char *text, size_t size)
{
	char slot_text[SCOREBOARD_TEXT_SIZE] = "";
	size_t i;

	if (pread(fd, slot_text, sizeof(slot_text), slot_text_offset(n)) == -1)
		slot_text[0] = '\0';
	for (i = 0; i < size - 1 && isupper((unsigned char)slot_text[i]); i++)
		text[i] = slot_text[i];
	text[i] = '\0';
}

void
scoreboard_report(struct scoreboard *r, uint32_t n, pid_t pid, int status,
    const struct rusage *use, char *report)
{
	const struct slot *slot = &r->shared->slots[n];
	char client[80], command[16], end[64], used[96];

	describe_client(slot, client, sizeof(client));
	describe_command(r->fd, n, command, sizeof(command));
	exit_describe(end, sizeof(end), status);
	exit_describe_use(used, sizeof(used), clock_ms() - slot->started_ms,
	    use);
	snprintf(report, SCOREBOARD_REPORT_SIZE,
	    "worker (pid %ld, client %s) %s %s%s; %s; its client is "
	    "disconnected, no other is",
	    (long)pid, client, end,
	    command[0] == '\0' ? "while idle" : "during ", command, used);
}
