/*
 * kvbench's main; all else is in a library, for the tests.
 */

#include "kvbench/kvbench.h"

int
main(int argc, char *argv[])
{
	return kvbench_main(argc, argv);
}
