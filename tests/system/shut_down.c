/*
 * shut_down DIRECTORY: shuts down the file system of a directory at once, as
 * its driver does when the disk fails: what was not synced is lost, and nothing
 * can be read or written until it is mounted again.
 */

#include <sys/ioctl.h>

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <sysexits.h>

/* XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN, which are the same. */
#define GOING_DOWN _IOR('X', 125, uint32_t)
/* The journal is not written either. */
#define WITHOUT_JOURNAL 2

int
main(int argc, char *argv[])
{
	uint32_t how = WITHOUT_JOURNAL;
	int fd;

	if (argc != 2)
		errx(EX_USAGE, "usage: shut_down directory");
	if ((fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    ioctl(fd, GOING_DOWN, &how) == -1)
		err(EX_OSERR, "%s", argv[1]);
	return EX_OK;
}
