/*
 * fuzz_message: this target reads messages as the registry reads them from a
 * worker (proto/message, proto/schema, registry/transaction).  Every accepted
 * message must be within the bounds on which the rest of the registry relies.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "registry/transaction.h"

/* The limit is small so that inputs reach it. */
#define VALUE_MAX 64

static bool
is_name(const struct schema *schema, enum field field, struct bytes name)
{
	return memchr(schema->fields, field, sizeof(schema->fields)) == NULL ||
	    (name.size >= 1 && name.size <= UINT8_MAX);
}

/* A field of names has only names that a key may have. */
static void
read_names(struct bytes names)
{
	struct bytes name;
	size_t n;

	for (n = 0; schema_next_name(&names, &name); n++)
		FUZZ_ASSERT(name.size >= 1 && name.size <= UINT8_MAX);
	FUZZ_ASSERT(names.size == 0 && n >= 1 && n <= MESSAGE_KEYS_MAX);
}

static void
read_message(const struct message *m)
{
	const struct schema *schema = schema_find(m->type);
	struct hello hello;
	struct fields f;

	(void)hello_get(m, &hello);
	memset(&f, 0, sizeof(f));
	if (schema == NULL || !schema_get(schema, m->body, VALUE_MAX, &f))
		return;
	FUZZ_ASSERT(is_name(schema, FIELD_BUCKET, f.bucket));
	FUZZ_ASSERT(is_name(schema, FIELD_KEY, f.key));
	FUZZ_ASSERT(f.value.size <= VALUE_MAX);
	FUZZ_ASSERT(f.old.size <= VALUE_MAX);
	FUZZ_ASSERT(memchr(schema->fields, FIELD_TIME,
			sizeof(schema->fields)) == NULL ||
	    (f.time_ms >= 1 && f.time_ms <= MESSAGE_TIME_MAX_MS));
	FUZZ_ASSERT(m->type != MESSAGE_CLEAR ||
	    (f.limit >= 1 && f.limit <= MESSAGE_CLEAR_MAX));
	if (m->type == MESSAGE_GET_KEYS)
		read_names(f.rest);
	FUZZ_ASSERT(f.status < STATUS_END);
	FUZZ_ASSERT(m->frame_size <= message_request_max(VALUE_MAX));
	if (m->type == MESSAGE_TRANSACTION &&
	    transaction_check(f.rest, VALUE_MAX))
		(void)transaction_frees(f.rest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m;
	size_t done = 0;

	while (done < size &&
	    message_get(data + done, size - done,
		message_transaction_max(VALUE_MAX), &m) == 1) {
		FUZZ_ASSERT(m.frame_size >= MESSAGE_HEADER_SIZE);
		FUZZ_ASSERT(m.frame_size <= size - done);
		FUZZ_ASSERT(m.body.size == m.frame_size - MESSAGE_HEADER_SIZE);
		read_message(&m);
		done += m.frame_size;
	}
	return 0;
}
