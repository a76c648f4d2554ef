/*
 * verdict: see verdict.h.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "faults/verdict.h"

void
verdict_fail(struct verdict *v, const char *format, ...)
{
	va_list args;

	v->failed = true;
	v->failures++;
	va_start(args, format);
	printf("FAILED: ");
	(void)vprintf(format, args);
	printf("\n");
	va_end(args);
	(void)fflush(stdout);
	if (v->stops)
		(void)raise(SIGSTOP);
}
