/*
 * Requests as text: splits a stream of bytes into lines and a line into words.
 * Pure: no I/O.
 *
 * Words are separated by spaces and tabs.  A word that begins with '"' is
 * quoted: it ends at the next '"', and \" \\ \n \r \t \0 and \xHH in it
 * are escapes.
 */

#ifndef PROTO_WORDS_H
#define PROTO_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

/* A word of one byte and its blank take up 16 bytes more when split. */
#define WORDS_MAX 65536

enum words_result {
	WORDS_OK = 0,
	WORDS_UNBALANCED, /* a quote is not closed, or more of the word follows
			   * the closing one */
	WORDS_BAD_ESCAPE,
	WORDS_TOO_MANY, /* more than WORDS_MAX */
};

/*
 * Splits a line into words.  Quoted words are decoded in place, and all words
 * point into the line.  They replace what `words` holds, as one struct bytes
 * each (words_get(), words_count()).  A blank line has none.
 */
enum words_result words_split(uint8_t *line, size_t size, struct buf *words);
/*
 * The same, but nothing is decoded: a quoted word is its text with quotes and
 * escapes, and these are not checked.  words_decode() decodes such a word, in
 * place, if it is quoted.
 */
enum words_result words_split_raw(const uint8_t *line, size_t size,
    struct buf *words);
enum words_result words_decode(struct bytes *word);
const struct bytes *words_get(const struct buf *words);
size_t words_count(const struct buf *words);

/*
 * Finds the end of the first line (LF, CR LF or CR NUL) in `data`, of which the
 * first `seen` bytes were searched before.  Returns true and sets *line_size,
 * without the line's end, and *taken, with it.  Or returns false and sets *taken
 * to the value for `seen` when more has come.
 */
bool words_find_line(const uint8_t *data, size_t size, size_t seen,
    size_t *line_size, size_t *taken);

/* Compares a word with a keyword in upper case, without regard to the case of
 * the word. */
bool words_equal(struct bytes word, const char *keyword);

#endif
