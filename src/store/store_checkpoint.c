/*
 * store_checkpoint: what the registry knows of the folds, and how it slows
 * writers down to their speed.  Runs in the registry; the checkpointer folds.
 */

#include <string.h>

#include "store/store_lmdb.h"

uint64_t
store_sealed(const struct store *s)
{
	return s->sealed == NULL ? 0 : s->sealed->generation;
}

uint64_t
store_folded(const struct store *s)
{
	return s->folded;
}

struct store_progress
store_progress(const struct store *s)
{
	return s->progress;
}

/* How much of the open segment is used; 1 and more: it is used up. */
static double
used_part(const struct store *s)
{
	double capacity =
	    (double)(s->log_size - store_log_commit_max(s) - SEGMENT_BLOCK);
	double bytes = (double)s->table->end / capacity;
	double records = (double)s->table->records / STORE_RECORDS_MAX;

	return bytes > records ? bytes : records;
}

static double
folded_part(const struct store *s)
{
	return s->progress.total == 0 ?
	    0 :
	    (double)s->progress.done / (double)s->progress.total;
}

bool
store_may_write(const struct store *s)
{
	if (s->sealed == NULL)
		return !store_log_is_used_up(s) || store_log_may_seal(s);
	return !store_log_is_used_up(s) &&
	    used_part(s) < 0.5 + 0.5 * folded_part(s);
}

void
store_set_progress(struct store *s, uint64_t generation, uint64_t done,
    uint64_t total)
{
	if (s->sealed != NULL && s->sealed->generation == generation)
		s->progress =
		    (struct store_progress){ generation, done, total };
}

enum store_result
store_forget_sealed(struct store *s)
{
	s->folded = s->sealed->generation;
	s->sealed_counts.reserved = 0;
	s->progress = (struct store_progress){ 0, 0, 0 };
	s->place = (struct fold_place){ .generation = 0 };
	fold_list_clear(&s->fold);
	table_drop(s->spare);
	s->spare = s->sealed;
	s->sealed = NULL;
	if (s->role != STORE_CHECKPOINTER)
		return store_measure_space(s);
	table_drop(s->spare);
	s->spare = NULL;
	return STORE_OK;
}

/* Nothing is forgotten before data.mdb itself says that it has it. */
enum store_result
store_set_folded(struct store *s, uint64_t generation)
{
	enum store_result result;
	struct fold_state state;
	bool folding;

	store_abort(s);
	store_release(s);
	if ((result = fold_read_state(s, &state, &folding)) != STORE_OK)
		return result;
	if (generation > state.folded)
		return store_fail(s, STORE_FAILED,
		    "%s: the checkpointer says that it has folded segment "
		    "%llu, and data.mdb has %llu",
		    s->dir, (unsigned long long)generation,
		    (unsigned long long)state.folded);
	if (generation > s->reported)
		s->reported = generation;
	s->space_is_old = true;
	if (s->sealed != NULL && s->sealed->generation <= generation &&
	    (result = store_forget_sealed(s)) != STORE_OK)
		return result;
	if (s->wants_checkpoint && s->table->records > 0 &&
	    store_log_may_seal(s))
		return store_log_seal(s);
	return STORE_OK;
}

enum store_result
store_request_checkpoint(struct store *s, uint64_t *generation)
{
	store_abort(s);
	*generation = store_log_segment(s)->generation;
	if (s->table->records == 0) {
		--*generation;
		return STORE_OK;
	}
	s->wants_checkpoint = true;
	return store_log_may_seal(s) ? store_log_seal(s) : STORE_OK;
}
