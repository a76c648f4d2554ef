/*
 * The command line of the torture program.
 */

#ifndef TORTURE_OPTIONS_H
#define TORTURE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who is to suffer. */
enum role {
	ROLE_REGISTRY,
	ROLE_ACCEPTOR,
	ROLE_WORKER,
	ROLE_MASTER,
	ROLES
};

/* And how. */
enum blow {
	BLOW_KILL,
	BLOW_ABORT,
	BLOW_SEGV,
	BLOW_TERM,
	BLOW_STOP, /* and goes on a random time later */
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
	int64_t interval_ms; /* from blow to blow, on average */
	int64_t stop_ms; /* at most */
	int64_t hang_ms; /* a reply that takes longer never comes */
	unsigned int clients;
	unsigned int keys; /* of each client */
	unsigned int pipeline; /* requests under way, usually at most */
	unsigned int churn; /* bursts until a client leaves, on average */
	unsigned int initial; /* keys that are there before */
	uint64_t seed;
	unsigned int roles; /* bits: 1 << ROLE_... */
	unsigned int blows; /* bits: 1 << BLOW_... */
	bool keep; /* the directory */
	bool verbose;
	char build[4096]; /* where kvd is */
	const char *libexec;
	const char *kvd_options[KVD_OPTIONS_MAX];
	size_t n_kvd_options;
};

/* Exits when they are wrong. */
void options_get(struct options *, int argc, char *argv[]);
/* Prints them so that a shell can repeat the run. */
void options_print(const struct options *);

#endif
