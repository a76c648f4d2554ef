/*
 * suite: see suite.h.
 */

#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Only a test that hangs takes this long.  CK_TIMEOUT_MULTIPLIER prolongs
 * it. */
#define TEST_TIMEOUT_S 120

static TCase *
begin_case(Suite *suite, const struct test *t)
{
	TCase *tc = tcase_create(t->case_name);

	tcase_set_timeout(tc, TEST_TIMEOUT_S);
	tcase_add_unchecked_fixture(tc, t->setup_case, t->teardown_case);
	tcase_add_checked_fixture(tc, t->setup, t->teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

static bool
is_wanted(const char *test, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], test) == 0)
			return true;
	return argc == 1;
}

int
suite_run(const char *name, const struct test *tests, size_t n_tests, int argc,
    char **argv)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	TCase *tc = NULL;
	const struct test *t;
	bool passed;

	for (t = tests; t < tests + n_tests; t++)
		if (t->case_name != NULL)
			tc = begin_case(suite, t);
		else if (is_wanted(t->test->name, argc, argv))
			tcase_add_loop_test(tc, t->test, t->first, t->end);
	(void)signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_NORMAL);
	passed = srunner_ntests_run(runner) > 0 &&
	    srunner_ntests_failed(runner) == 0;
	srunner_free(runner);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

pid_t
test_fork(void)
{
	pid_t pid;

	/* Without this the child might write the buffered output a second
	 * time. */
	fflush(NULL);
	if ((pid = fork()) == -1)
		ck_abort_msg("fork: %s", strerror(errno));
	return pid;
}
