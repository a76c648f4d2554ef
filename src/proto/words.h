/*
 * Requests as text: from a stream of bytes to lines, from a line to words.
 * Pure: no I/O.
 *
 * A word is bare, or begins with '"' and is quoted, with \" \\ \n \r \t \0
 * and \xHH inside.  Words are separated by spaces and tabs.
 */

#ifndef PROTO_WORDS_H
#define PROTO_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

/* A word of one byte costs a worker eight times its size. */
#define WORDS_MAX 65536

enum words_result {
	WORDS_OK = 0,
	WORDS_UNBALANCED, /* a quote is not closed, or closed mid-word */
	WORDS_BAD_ESCAPE,
	WORDS_TOO_MANY, /* more than WORDS_MAX */
};

/*
 * Splits the line into words, in place: quoted words are decoded over their
 * own text, and the results point into the line.  `words` is emptied, then
 * takes one struct bytes per word (words_get, words_count); a blank line has
 * none.
 */
enum words_result words_split(uint8_t *line, size_t size, struct buf *words);
const struct bytes *words_get(const struct buf *words);
size_t words_count(const struct buf *words);

/*
 * Finds the first line's end (LF, CR LF or CR NUL) in `data`, where the
 * first `seen` bytes are known to hold none.  Returns true, with the line's
 * size without its end in *line_size and with it in *taken; or false, with
 * the value for `seen` next time in *taken.
 */
bool words_find_line(const uint8_t *data, size_t size, size_t seen,
    size_t *line_size, size_t *taken);

/* Is the word this keyword (given in upper case), in either case? */
bool words_equal(struct bytes word, const char *keyword);

#endif
