/*
 * fuzz_message: the registry reads what a worker sends (proto/message,
 * registry/calls, registry/transaction).  Whatever it accepts must be within
 * the bounds on which the rest of the registry relies.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "registry/calls.h"
#include "registry/transaction.h"

/* Small, so that inputs reach the limit. */
#define VALUE_MAX 64

static bool
is_name(const char *args, char kind, struct bytes name)
{
	return strchr(args, kind) == NULL ||
	    (name.size >= 1 && name.size <= UINT8_MAX);
}

static void
read_call(const struct message *m, const struct call *call)
{
	struct call_args args;

	memset(&args, 0, sizeof(args));
	if (!call_decode(call, m->body, VALUE_MAX, &args))
		return;
	FUZZ_ASSERT(is_name(call->args, 'b', args.bucket));
	FUZZ_ASSERT(is_name(call->args, 'k', args.key));
	FUZZ_ASSERT(args.value.size <= VALUE_MAX);
	FUZZ_ASSERT(args.old.size <= VALUE_MAX);
	FUZZ_ASSERT(strchr(call->args, 's') == NULL ||
	    (args.number >= 1 && args.number <= MESSAGE_SECONDS_MAX));
	FUZZ_ASSERT(m->frame_size <= message_request_max(VALUE_MAX));
}

static void
read_message(const struct message *m)
{
	const struct call *call = call_find(m->type);

	if (call != NULL)
		read_call(m, call);
	if (m->type == MESSAGE_TRANSACTION &&
	    transaction_check(m->body, VALUE_MAX))
		(void)transaction_frees(m->body);
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
