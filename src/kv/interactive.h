/*
 * The prompt, with line editing if that is installed.
 */

#ifndef KV_INTERACTIVE_H
#define KV_INTERACTIVE_H

#include "kv/kv_status.h"

struct kv;

/* Executes kv-interactive with the same arguments.  If it is missing, runs a
 * prompt without line editing. */
enum kv_status interactive_start(struct kv *, char *argv[]);

#endif
