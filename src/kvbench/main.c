/*
 * kvbench's main; all else is in a library, for the tests.
 */

#include "common/startup.h"
#include "kvbench/kvbench.h"

int
main(int argc, char *argv[])
{
	startup_descriptors();
	return kvbench_main(argc, argv);
}
