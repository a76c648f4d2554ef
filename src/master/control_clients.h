/*
 * What kvctl(8) does about clients: lists them, ends one, or ends those that
 * are idle.
 */

#ifndef MASTER_CONTROL_CLIENTS_H
#define MASTER_CONTROL_CLIENTS_H

#include <stdint.h>

#include "master/control_conn.h"
#include "master/state.h"

/* Prints a bounded number of clients, from conn->slot on.  The reader has to
 * take them before there are more. */
void control_list_clients(struct master *, struct control_conn *,
    int64_t now_ms);
/* Tells the worker of the client with this id to end, and waits for that. */
void control_kill_client(struct master *, struct control_conn *,
    const char *id);
/* Has it ended? */
void control_check_killed(struct master *, struct control_conn *, bool late);
/* While kvd drains: ends clients that are idle.  Returns when to call it
 * again. */
int64_t control_drain(struct master *, int64_t now_ms);

#endif
