/*
 * slow_clients: attacks on a kvd, and what each is given.
 */

#ifndef SYSTEM_SLOW_CLIENTS_H
#define SYSTEM_SLOW_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

/* An attack, which runs in a process of its own until that is killed. */
struct attack {
	const char *name;
	void (*run)(int port, int clients);
	/* Of the clients that were asked for, one in so many takes part: some
	 * attacks need fewer. */
	int one_in;
	/* It makes something first, and writes a byte to standard output when
	 * that is done. */
	bool prepares;
};

extern const struct attack attacks[];
extern const size_t n_attacks;

/* Both exit with a message if they fail. */
int connect_to(int port);
void say_all(int fd, const char *text, size_t size);

/* Fills the buckets that the attacks read. */
void attacks_prepare(int port);

#endif
