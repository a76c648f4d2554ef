/*
 * fuzz_words: this target splits text into lines and lines into words
 * (proto/words).  The end of a line must not depend on how the bytes arrive in
 * pieces, and printed words (proto/format) must be read as the same words.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "proto/format.h"
#include "proto/words.h"

static void
check_same(const struct buf *a, const struct buf *b)
{
	size_t i;

	FUZZ_ASSERT(words_count(a) == words_count(b));
	for (i = 0; i < words_count(a); i++)
		FUZZ_ASSERT(bytes_equal(words_get(a)[i], words_get(b)[i]));
}

static void
print_and_read(const struct buf *words)
{
	struct buf line, again;

	buf_init(&line);
	buf_init(&again);
	format_line(&line, words_get(words), words_count(words));
	FUZZ_ASSERT(!buf_failed(&line) && buf_size(&line) >= 2);
	FUZZ_ASSERT(memchr(buf_data(&line), '\n', buf_size(&line) - 1) == NULL);
	FUZZ_ASSERT(words_split(buf_data(&line), buf_size(&line) - 2, &again) ==
	    WORDS_OK);
	check_same(words, &again);
	buf_clear(&line);
	buf_clear(&again);
}

static void
split(uint8_t *line, size_t size)
{
	struct buf words;

	buf_init(&words);
	if (words_split(line, size, &words) == WORDS_OK)
		print_and_read(&words);
	buf_clear(&words);
}

/* This finds the same line end when the bytes arrive one at a time. */
static void
find_slowly(const uint8_t *data, size_t line_size, size_t taken)
{
	size_t seen = 0, n, line;

	for (n = 0; n < taken; n++)
		FUZZ_ASSERT(!words_find_line(data, n, seen, &line, &seen));
	FUZZ_ASSERT(words_find_line(data, taken, seen, &line, &seen));
	FUZZ_ASSERT(line == line_size && seen == taken);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t line_size, taken;
	struct buf text;

	buf_init(&text);
	buf_append(&text, data, size);
	while (words_find_line(buf_data(&text), buf_size(&text), 0, &line_size,
	    &taken)) {
		FUZZ_ASSERT(taken > line_size && taken <= buf_size(&text));
		find_slowly(buf_data(&text), line_size, taken);
		split(buf_data(&text), line_size);
		buf_consume(&text, taken);
	}
	split(buf_data(&text), buf_size(&text));
	buf_clear(&text);
	return 0;
}
