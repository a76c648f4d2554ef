/*
 * expendable: makes a worker one of the processes that the kernel kills first
 * when memory runs out.  Runs in the worker.
 */

#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/number.h"
#include "worker/expendable.h"

#define OOM_SCORE_ADJ "/proc/self/oom_score_adj"
/* How much is added: a tenth of a percent of all memory each, by which the
 * worker seems larger than it is (proc(5)). */
#define SCORE_ADDED 200
/* The highest value there is (proc(5)). */
#define SCORE_MAX 1000

void
expendable_become(void)
{
	int fd = open(OOM_SCORE_ADJ, O_RDWR | O_CLOEXEC);
	char text[NUMBER_SIZE];
	int64_t score = 0;
	ssize_t n;

	if (fd == -1)
		return;
	n = read(fd, text, sizeof(text));
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 &&
	    number_parse((struct bytes){ text, (size_t)n }, &score) ==
		NUMBER_OK) {
		score = score > SCORE_MAX - SCORE_ADDED ? SCORE_MAX :
							  score + SCORE_ADDED;
		/* If this fails the worker serves all the same. */
		(void)!write(fd, text, number_format(score, text));
	}
	(void)close(fd);
}
