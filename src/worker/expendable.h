/*
 * When memory runs out, the kernel kills the process that seems largest.  If
 * that is a worker, one client is disconnected; if it were the acceptor or the
 * registry, all clients would notice.
 */

#ifndef WORKER_EXPENDABLE_H
#define WORKER_EXPENDABLE_H

/*
 * Makes the kernel kill this process rather than those from which it has
 * inherited its oom_score_adj (proc(5)).  It costs some system calls.  If it
 * fails, nothing is changed.
 */
void expendable_become(void);

#endif
