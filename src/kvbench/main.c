/*
 * The main function of kvbench.  The rest is in a library, which tests link.
 */

#include "common/startup.h"
#include "kvbench/kvbench.h"

int
main(int argc, char *argv[])
{
	startup_descriptors();
	return kvbench_main(argc, argv);
}
