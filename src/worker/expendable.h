/*
 * When memory runs out the kernel kills what seems largest to it.  A worker
 * is one client's; the acceptor that forked it is everybody's.
 */

#ifndef WORKER_EXPENDABLE_H
#define WORKER_EXPENDABLE_H

/*
 * Has the kernel kill this process before those whose oom_score_adj it has
 * inherited (proc(5)).  Costs some system calls, and fails in silence.
 */
void expendable_become(void);

#endif
