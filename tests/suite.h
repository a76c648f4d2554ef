/*
 * suite: these macros make the table of tests at the end of each check_*.c,
 * and the main() that runs it with the Check library.  A table consists of
 * test cases, each followed by its tests:
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

/* A row begins a case, or it is a test of the case above it. */
struct test {
	const char *case_name; /* The name is NULL if the row is a test. */
	/* These run before and after each test, in its process.  They may be
	 * NULL. */
	SFun setup;
	SFun teardown;
	/* These run in the parent, before and after all tests of the case. */
	SFun setup_case;
	SFun teardown_case;

	const TTest *test;
	int first; /* This is the first value of _i. */
	int end; /* This is the last value of _i plus 1. */
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
 * This runs all tests, or only those that the program's arguments name.
 * Check's environment variables, such as CK_RUN_CASE, apply.  SIGPIPE is
 * ignored, since tests write to processes that may have ended.  The result is
 * the exit status: EXIT_FAILURE if a test failed or none was run.
 */
int suite_run(const char *name, const struct test *, size_t n_tests, int argc,
    char **argv);

/*
 * This is fork(2) for tests.  The test fails if fork(2) fails.  Only the parent
 * may use Check's assertions afterwards: they write to a file even when they
 * pass, and two processes that write at the same time corrupt it ("Bad message
 * type").  The child reports what it found by its exit status or in shared
 * memory, and ends with _exit(2).
 */
pid_t test_fork(void);

#define SUITE(name, tests)                                               \
	int main(int argc, char **argv)                                  \
	{                                                                \
		return suite_run(name, tests, COUNT(tests), argc, argv); \
	}

#endif
