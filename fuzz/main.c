/*
 * main: this program runs the fuzz target once on each file that is named on
 * the command line.  It takes the place of libFuzzer where the compiler has
 * none, so that the corpora are tests everywhere.
 */

#include <err.h>
#include <stdio.h>

#include "common/buf.h"
#include "fuzz/fuzz.h"

#define READ_SIZE ((size_t)64 << 10)

static void
run_file(const char *path)
{
	struct buf text;
	uint8_t *to;
	size_t n;
	FILE *file;

	if ((file = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	buf_init(&text);
	do {
		if ((to = buf_reserve(&text, READ_SIZE)) == NULL)
			err(1, NULL);
		n = fread(to, 1, READ_SIZE, file);
		buf_commit(&text, n);
	} while (n > 0);
	if (ferror(file))
		err(1, "%s", path);
	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput(buf_data(&text), buf_size(&text));
	buf_clear(&text);
}

int
main(int argc, char *argv[])
{
	int i;

	if (argc < 2)
		errx(2, "usage: %s file ...", argv[0]);
	for (i = 1; i < argc; i++)
		run_file(argv[i]);
	return 0;
}
