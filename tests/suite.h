/*
 * suite: the table of tests at the end of each check_*.c, and the main()
 * that runs it with the Check library.  A table consists of test cases, each
 * followed by its tests:
 *
 *	TEST(test_parse)
 *	{
 *		... parse_table[_i] ...
 *	}
 *
 *	static const struct test tests[] = {
 *		CASE("words", setup, teardown),
 *		ONCE(test_empty),
 *		EACH(test_parse, parse_table),
 *		LOOP(test_random, 4),
 *	};
 *
 *	SUITE("words", tests)
 *
 * Each test runs in a process of its own.  In a test that is run several
 * times, `_i' is the number of the run, from 0; EACH makes it the index into
 * an array.  The compiler warns about a test that no table has.
 */

#ifndef SUITE_H
#define SUITE_H

#include <sys/types.h>

#include <check.h>
#include <stddef.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A row begins a case or is a test of the case above it. */
struct test {
	const char *case_name; /* NULL: a test */
	/* May be NULL.  Before and after each test, in its process: */
	SFun setup;
	SFun teardown;
	/* Before and after all tests of the case, in their parent: */
	SFun setup_case;
	SFun teardown_case;

	const TTest *test;
	int first; /* value of _i */
	int end; /* last value of _i, plus 1 */
};

#define TEST(name)                                                            \
	static void name##_body(int);                                         \
	static const TTest name = { #name, name##_body, __FILE__, __LINE__ }; \
	static void name##_body(int _i CK_ATTRIBUTE_UNUSED)

#define CASE(name, before, after)                                           \
	{                                                                   \
		.case_name = (name), .setup = (before), .teardown = (after) \
	}

#define LOOP_FROM(name, from, to)                             \
	{                                                     \
		.test = &(name), .first = (from), .end = (to) \
	}
#define LOOP(name, runs) LOOP_FROM(name, 0, runs)
#define EACH(name, array) LOOP(name, COUNT(array))
#define ONCE(name) LOOP(name, 1)

/*
 * Runs the tests, or only those that the arguments of the program name.
 * Check's environment variables, such as CK_RUN_CASE, apply.  SIGPIPE is
 * ignored, since tests write to processes that may have ended.  Returns the
 * exit status of the program: EXIT_FAILURE if a test failed or none was run.
 */
int suite_run(const char *name, const struct test *, size_t n_tests, int argc,
    char **argv);

/*
 * fork(2) for tests.  The test fails if there is no process.  Only the parent
 * may go on to assert: Check's macros write to a file, also when they pass, and
 * two processes that do so at the same time spoil it ("Bad message type").  A
 * child says what it found by its exit status or in shared memory, and ends
 * with _exit(2).
 */
pid_t test_fork(void);

#define SUITE(name, tests)                                               \
	int main(int argc, char **argv)                                  \
	{                                                                \
		return suite_run(name, tests, COUNT(tests), argc, argv); \
	}

#endif
