/*
 * fixture: what the integration tests share: a real kvd in a directory of
 * its own, and clients that talk to it.
 *
 * Functions fail the running test (ck_abort_msg) unless they say otherwise.
 * Every wait ends as soon as what it waits for has happened; WAIT_MS is only
 * its limit.
 */

#ifndef INTEGRATION_FIXTURE_H
#define INTEGRATION_FIXTURE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "exchange.h"
#include "log.h"
#include "process.h"
#include "server.h"
#include "suite.h"
#include "wait.h"

#endif
