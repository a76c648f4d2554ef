/*
 * kvbench: reads the options, runs the load, and prints the report.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "kvbench/bench.h"
#include "kvbench/bench_report.h"
#include "kvbench/kvbench.h"

/* Exit status: the server answered some requests with an error. */
#define KVBENCH_ERRORS 1

int
kvbench_main(int argc, char *argv[])
{
	struct bench_result *result;
	struct bench_options options;
	int status;

	bench_options_parse(&options, argc, argv);
	if ((result = malloc(sizeof(*result))) == NULL)
		errx(EX_OSERR, "out of memory");
	status = bench_run(&options, result);
	/* The figures of a run that failed would mislead. */
	if (status == EX_OK) {
		if (options.json)
			bench_report_json(stdout, &options, result);
		else
			bench_report_text(stdout, &options, result);
		if (fflush(stdout) != 0 || ferror(stdout))
			err(EX_IOERR, "standard output");
		if (result->run.errors + result->fill.errors > 0)
			status = KVBENCH_ERRORS;
	}
	free(result);
	return status;
}
