/*
 * options: the command line of the torture program.
 */

#ifndef TORTURE_OPTIONS_H
#define TORTURE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which process is hit ... */
/* Of the name of a process the kernel keeps 15 bytes. */
#define CHECKPOINTER_NAME "kvd-checkpointe"

enum role {
	ROLE_CHECKPOINTER,
	ROLE_REGISTRY,
	ROLE_ACCEPTOR,
	ROLE_WORKER,
	ROLE_MASTER,
	ROLES
};

/* ... and how. */
enum blow {
	BLOW_KILL,
	BLOW_ABORT,
	BLOW_SEGV,
	BLOW_TERM,
	BLOW_STOP, /* and it continues after a random time */
	BLOWS
};

struct name {
	const char *text;
	int signal; /* of a blow */
};

extern const struct name role_names[ROLES];
extern const struct name blow_names[BLOWS];

#define KVD_OPTIONS_MAX 16

struct options {
	int64_t duration_ms;
	int64_t interval_ms; /* between blows, on average */
	int64_t backup_ms; /* between backups; 0: none is made */
	int64_t stop_ms; /* the longest time for which one is stopped */
	int64_t hang_ms; /* a reply that takes longer is a failure */
	unsigned int clients;
	unsigned int keys; /* of each client */
	unsigned int pipeline; /* most requests in a usual burst */
	unsigned int churn; /* bursts until a client leaves, on average */
	unsigned int initial; /* number of keys loaded before the run */
	uint64_t seed;
	unsigned int roles; /* bits: 1 << ROLE_... */
	unsigned int blows; /* bits: 1 << BLOW_... */
	bool keep; /* do not remove the directory */
	bool verbose;
	char build[4096]; /* where kvd is */
	const char *libexec;
	const char *kvd_options[KVD_OPTIONS_MAX];
	size_t n_kvd_options;
};

/* Exits if the command line is wrong. */
void options_get(struct options *, int argc, char *argv[]);
/* Prints the command line that repeats this run. */
void options_print(const struct options *);

#endif
