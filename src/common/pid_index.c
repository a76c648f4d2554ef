/*
 * pid_index: a tree of process ids.  Its nodes are an array that is indexed by
 * slot.  Runs in the master and the acceptors.
 */

#include <sys/mman.h>

#include <stddef.h>

#include "common/pid_index.h"

#define SIZE (SCOREBOARD_MAX * sizeof(struct pid_entry))

static int
compare(struct pid_entry *a, struct pid_entry *b)
{
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

RB_GENERATE_INTERNAL(pid_tree, pid_entry, entry, compare,
    __attribute__((unused)) static)

int
pid_index_init(struct pid_index *index)
{
	void *memory;

	RB_INIT(&index->tree);
	index->entries = NULL;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	index->entries = memory;
	return madvise(memory, SIZE, MADV_DONTFORK);
}

void
pid_index_clear(struct pid_index *index)
{
	if (index->entries != NULL)
		(void)munmap(index->entries, SIZE);
	index->entries = NULL;
	RB_INIT(&index->tree);
}

void
pid_index_add(struct pid_index *index, pid_t pid, uint32_t slot)
{
	index->entries[slot].pid = pid;
	RB_INSERT(pid_tree, &index->tree, &index->entries[slot]);
}

uint32_t
pid_index_find(struct pid_index *index, pid_t pid)
{
	struct pid_entry find = { .pid = pid }, *found;

	found = RB_FIND(pid_tree, &index->tree, &find);
	return found == NULL ? SCOREBOARD_NONE :
			       (uint32_t)(found - index->entries);
}

void
pid_index_remove(struct pid_index *index, uint32_t slot)
{
	RB_REMOVE(pid_tree, &index->tree, &index->entries[slot]);
}

bool
pid_index_is_empty(const struct pid_index *index)
{
	return RB_EMPTY(&index->tree);
}

pid_t
pid_index_next(struct pid_index *index, pid_t after)
{
	struct pid_entry find = { .pid = after + 1 }, *found;

	found = RB_NFIND(pid_tree, &index->tree, &find);
	return found == NULL ? 0 : found->pid;
}
