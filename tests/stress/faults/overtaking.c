/*
 * An acceptor whose workers have a fault: they answer by themselves while
 * earlier requests of their client are not yet answered.
 */

#include "worker/local.h"
#include "worker/state.h"

bool __real_local_answer(struct worker *, const struct command *,
    const struct bytes *, size_t);
bool __wrap_local_answer(struct worker *, const struct command *,
    const struct bytes *, size_t);

bool
__wrap_local_answer(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	struct buf pending = w->link.pending;
	bool good;

	buf_init(&w->link.pending);
	good = __real_local_answer(w, command, words, n);
	w->link.pending = pending;
	return good;
}
