/*
 * What `kvd-maintain scrub' tells the master by what it prints, when it ends:
 *
 *	last TIME FOUND		a scrub ended at TIME, in seconds since 1970,
 *				and found so many things
 *	none			none has come to its end yet
 *
 * and then, if it has made one, a line for each thing that it found: at most
 * SCRUB_LINES_MAX.  If it could not make one, it prints why, on one line.
 */

#ifndef COMMON_SCRUB_H
#define COMMON_SCRUB_H

#define SCRUB_LAST "last "
#define SCRUB_NONE "none"

/* All lines fit a pipe that nobody reads. */
#define SCRUB_LINES_MAX 20
#define SCRUB_LINE_SIZE 1500

/* The exit status: it has made one, or has only looked; it was lost, because
 * the store has changed too much meanwhile; or it has failed. */
enum scrub_status {
	SCRUB_DONE,
	SCRUB_LOST,
	SCRUB_FAILED
};

#endif
