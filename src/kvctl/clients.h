/*
 * The list of clients.
 */

#ifndef KVCTL_CLIENTS_H
#define KVCTL_CLIENTS_H

#include <stddef.h>

#include "kvctl/ctl.h"
#include "kvctl/record.h"

/* The longest line of the list, NUL included. */
#define CLIENTS_LINE_SIZE 256

/* The line above the list, and a line about a client, from its record. */
extern const char clients_head[];
void clients_format(char line[CLIENTS_LINE_SIZE], const struct record *);

int clients_show(struct ctl *, const char *argument);

#endif
