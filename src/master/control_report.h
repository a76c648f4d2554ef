/*
 * What the master knows by itself, printed for kvctl(8): kvctl(8) lists the
 * lines and their fields.
 */

#ifndef MASTER_CONTROL_REPORT_H
#define MASTER_CONTROL_REPORT_H

#include "master/control_conn.h"
#include "master/state.h"

void control_report_status(struct master *, struct control_conn *);
/* A line about each process, without the workers. */
void control_report_processes(struct master *, struct control_conn *);
/* A line about a client. */
struct scoreboard_client;
void control_report_client(struct control_conn *,
    const struct scoreboard_client *, int64_t now_ms);
/* All counters. */
void control_report_stats(struct master *, struct control_conn *);
/* The configuration in force, and what a reload would change. */
void control_report_config(struct master *, struct control_conn *);

#endif
