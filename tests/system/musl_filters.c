/*
 * musl_filters: writes the filter of each role to a file of its name, for musl.
 */

#include <err.h>
#include <stdio.h>

#include "sandbox/sandbox_compile.h"

static void
write_filter(const char *name, const struct sandbox_list *list)
{
	char error[SANDBOX_ERROR_SIZE];
	struct sandbox_filter filter;
	FILE *f = fopen(name, "w");

	if (sandbox_compile(list, 0, &filter, error) == -1)
		errx(1, "%s: %s", name, error);
	if (f == NULL ||
	    fwrite(filter.code, SANDBOX_INSTRUCTION, filter.count, f) !=
		filter.count ||
	    fclose(f) == EOF)
		err(1, "%s", name);
	sandbox_free(&filter);
}

int
main(void)
{
	write_filter("acceptor", &sandbox_acceptor);
	write_filter("worker", &sandbox_worker);
	write_filter("registry", &sandbox_registry);
	write_filter("checkpointer", &sandbox_checkpointer);
	write_filter("maintain", &sandbox_maintain);
	return 0;
}
