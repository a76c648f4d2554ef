/*
 * kvctl: started by an operator, or by a script.
 */

#include "common/startup.h"
#include "kvctl/kvctl.h"

int
main(int argc, char *argv[])
{
	startup_descriptors();
	return kvctl_main(argc, argv);
}
