/*
 * The prompt, with line editing where that is installed.
 */

#ifndef KV_INTERACTIVE_H
#define KV_INTERACTIVE_H

#include "kv/kv_status.h"

struct kv;

/*
 * Becomes kv-interactive, with the same arguments; where it is missing, runs
 * a plain prompt.
 */
enum kv_status interactive_start(struct kv *, char *argv[]);

#endif
