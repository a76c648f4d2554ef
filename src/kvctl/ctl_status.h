/*
 * What kvctl exits with.  kvctl(8) says the same.
 */

#ifndef KVCTL_CTL_STATUS_H
#define KVCTL_CTL_STATUS_H

enum ctl_status {
	CTL_DONE = 0,
	CTL_FAILED = 1, /* refused, or it failed */
	CTL_USAGE = 2,
	CTL_NOT_RUNNING = 3,
};

#endif
