/*
 * damage: what a kvd makes of a store of which one page is damaged.
 *
 * A store is made once, and what it has is known: the model.  Each image is a
 * copy of it with another damage, made from the seed and the image's number.  A
 * kvd is started on the image, and a client reads and writes all buckets.
 */

#ifndef DAMAGE_DAMAGE_H
#define DAMAGE_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUCKETS 7
#define PATH_SIZE 256

/* How it ended for an image, the best first. */
enum verdict {
	SERVED_WHOLE,
	SERVED_IN_PART, /* buckets or entries answered that they are damaged */
	REFUSED, /* kvd ended with a sentence that says what to do */
	MISSING_FOUND, /* keys are missing; kvd -c says so */
	/* Failures. */
	MISSING_SILENTLY, /* and kvd -c finds nothing */
	WRONG_VALUE,
	CRASH_LOOP, /* processes crash again and again */
	HANGS, /* no answer */
	ENDED, /* kvd ended without such a sentence, or did not start */
	VERDICTS
};

/* The kinds of damage. */
enum damage_kind {
	ZEROED,
	MISPLACED, /* the content of another page */
	FLIPPED, /* some bits */
	DAMAGE_KINDS
};

struct bucket_model {
	const char *name;
	unsigned int keys;
	unsigned int least, most; /* bytes of a value */
	bool expires;
	/* For each key the version of its value; 0: it is absent.  Another one
	 * may be there as well, of a write that was not answered. */
	unsigned int *version, *other;
};

struct model {
	struct bucket_model buckets[BUCKETS];
};

/* What was seen of an image. */
struct outcome {
	enum verdict verdict;
	bool damaged[BUCKETS]; /* the whole bucket answered so */
	unsigned int entries; /* that answered so, of other buckets */
	unsigned int missing;
	unsigned int crashes; /* of processes, hangs included */
	int64_t took_ms;
	char why[512]; /* a sentence of kvd's, or what is wrong */
};

/* model.c */

/* Makes the store in `dir`, and says what is in it.  Exits if it cannot. */
void model_make(struct model *, const char *dir);
void model_copy(struct model *to, const struct model *from);
void model_free(struct model *);
void model_key(unsigned int i, char key[16]);
/* A value, as text; returns its size. */
#define VALUE_MAX 16000
size_t model_value(const struct bucket_model *, unsigned int key,
    unsigned int version, char value[VALUE_MAX]);

/* image.c */

struct image {
	enum damage_kind kind;
	size_t page, from; /* from: of a misplaced one */
	const char *was; /* what the page was, in a word or two */
};

/* Makes a copy of the store in `dir`, with the damage of this number.  Exits if
 * it cannot. */
void image_make(const char *store, const char *dir, uint64_t seed,
    unsigned int number, struct image *);

/* try.c */

struct try_options {
	const char *build; /* where kvd is */
	char dir[PATH_SIZE]; /* has data/ */
};

/* Starts a kvd on the image, uses it, and judges.  The model is changed. */
void try_image(const struct try_options *, struct model *, struct outcome *);

#endif
