/*
 * Keywords, and how their values are read and printed.  For the files of the
 * configuration only.
 */

#ifndef COMMON_CONFIG_VALUE_H
#define COMMON_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"

/* What separates a keyword from its value. */
#define CONFIG_BLANKS " \t\r"
/* The keyword of a file that names others.  It sets nothing. */
#define CONFIG_INCLUDE "include"
#define CONFIG_DAY_MS ((int64_t)24 * 3600 * 1000)
#define CONFIG_WEEK_MS (7 * CONFIG_DAY_MS)
#define CONFIG_YEAR_MS (365 * CONFIG_DAY_MS)

enum keyword_type {
	KEYWORD_CONTROL,
	KEYWORD_COUNT,
	KEYWORD_LISTEN,
	KEYWORD_LOG,
	KEYWORD_PATH,
	KEYWORD_RESTART_LIMIT,
	KEYWORD_SIZE,
	KEYWORD_SYNC,
	KEYWORD_TIME,
	KEYWORD_USER,
	KEYWORD_YES,
};

struct keyword {
	const char *name;
	enum keyword_type type;
	size_t offset; /* of the field in struct config */
	int64_t min, max; /* of a number; of a time, in milliseconds */
	const char *initial; /* the default, as in a file */
	bool fixed; /* cannot be changed while kvd runs */
};

/* Sets the keyword's field.  Returns 0, or -1 with one line in `error`. */
int config_set(struct config *, const struct keyword *, const char *value,
    char *error);
/* Appends lines that config_line() reads. */
void config_print_keyword(const struct config *, const struct keyword *,
    struct buf *);

/* Config_set() for `listen`: adds an address. */
int config_add_listen(struct config *, const struct keyword *,
    const char *value, char *error);
void config_clear_listens(struct config *);
/* Config_set() for `control`: "mode MODE group GROUP", each of which may be
 * left out, and config_print_keyword() for it. */
int config_set_control(struct config *, const struct keyword *,
    const char *value, char *error);
void config_print_control(const struct config *, const struct keyword *,
    struct buf *);
/* Parses decimal digits.  Returns -1 for anything else, and for more than
 * `max`. */
int64_t config_parse_count(const char *value, int64_t max);
/* Can this path be written in a configuration?  Returns 0, or -1 with one line
 * in `error`. */
int config_check_path(const char *keyword, const char *path, char *error);
/* Fills `error` (CONFIG_ERROR_SIZE bytes) and returns -1. */
int config_error(char *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
