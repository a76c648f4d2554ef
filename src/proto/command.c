/*
 * command: the table of commands.  Runs in the worker; the words are
 * hostile.
 */

#include <string.h>

#include "common/number.h"
#include "proto/command.h"
#include "proto/words.h"

/* In the order in which clients use them most. */
static const struct command commands[] = {
	{ "GET", "bk", MESSAGE_GET, COMMAND_REMOTE },
	{ "PUT", "bkv", MESSAGE_PUT, COMMAND_REMOTE },
	{ "DELETE", "bk", MESSAGE_DELETE, COMMAND_REMOTE },
	{ "EXISTS", "bk", MESSAGE_EXISTS, COMMAND_REMOTE },
	{ "INCR", "bk?n", MESSAGE_INCR, COMMAND_REMOTE },
	{ "CREATE", "b", MESSAGE_CREATE, COMMAND_REMOTE },
	{ "PING", "", MESSAGE_PING, COMMAND_REMOTE },
	{ "BUCKETS", "*", 0, COMMAND_BUCKETS },
	{ "KEYS", "b*", 0, COMMAND_KEYS },
	{ "ENTRIES", "b*", 0, COMMAND_ENTRIES },
	{ "SUBSCRIBE", "b", MESSAGE_SUBSCRIBE, COMMAND_REMOTE },
	{ "UNSUBSCRIBE", "b", MESSAGE_UNSUBSCRIBE, COMMAND_REMOTE },
	{ "ECHO", "+", 0, COMMAND_ECHO },
	{ "QUIT", "", 0, COMMAND_QUIT },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Are there as many words as the arguments want? */
static bool
takes(const char *args, size_t n)
{
	const char *optional = strchr(args, '?');
	size_t most = strlen(args);

	if (args[0] == '+')
		return n > 0;
	if (most > 0 && args[most - 1] == '*')
		return n >= most - 1;
	if (optional == NULL)
		return n == most;
	return n >= (size_t)(optional - args) && n < most;
}

const struct command *
command_find(const struct bytes *words, size_t n)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (words_equal(words[0], commands[i].name))
			break;
	if (i == COMMANDS || !takes(commands[i].args, n - 1))
		return NULL;
	return &commands[i];
}

static enum status
check_name(struct bytes name, enum status empty, enum status too_long)
{
	if (name.size == 0)
		return empty;
	return name.size > UINT8_MAX ? too_long : STATUS_OK;
}

static enum status
check_number(struct bytes word, int64_t *number)
{
	switch (number_parse(word, number)) {
	case NUMBER_OK:
		return STATUS_OK;
	case NUMBER_RANGE:
		return STATUS_OUT_OF_RANGE;
	default:
		return STATUS_NOT_A_NUMBER;
	}
}

static enum status
put_name(struct buf *b, struct bytes name, enum status check)
{
	if (check == STATUS_OK)
		message_put_name(b, name);
	return check;
}

static enum status
put_number(struct buf *b, struct bytes word)
{
	int64_t number = 0;
	enum status status = check_number(word, &number);

	if (status == STATUS_OK)
		message_put_u64(b, (uint64_t)number);
	return status;
}

static enum status
put_value(struct buf *b, struct bytes value, size_t value_max)
{
	if (value.size > value_max)
		return STATUS_VALUE_TOO_LONG;
	message_put_value(b, value);
	return STATUS_OK;
}

static enum status
put_arg(struct buf *b, char kind, struct bytes word, size_t value_max)
{
	switch (kind) {
	case 'b':
		return put_name(b, word,
		    check_name(word, STATUS_BUCKET_EMPTY,
			STATUS_BUCKET_TOO_LONG));
	case 'k':
		return put_name(b, word,
		    check_name(word, STATUS_KEY_EMPTY, STATUS_KEY_TOO_LONG));
	case 'n':
		return put_number(b, word);
	default:
		return put_value(b, word, value_max);
	}
}

/* What an argument that was left out stands for. */
static struct bytes
default_word(char kind)
{
	return kind == 'n' ? (struct bytes){ "1", 1 } : (struct bytes){ "", 0 };
}

enum status
command_encode(const struct command *command, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *b)
{
	size_t position = message_begin(b, command->request, sequence), i = 1;
	enum status status = STATUS_OK;
	const char *kind;

	for (kind = command->args; *kind != '\0'; kind++) {
		if (*kind == '?')
			continue;
		status = put_arg(b, *kind,
		    i < n ? words[i] : default_word(*kind), value_max);
		if (status != STATUS_OK) {
			buf_truncate(b, position);
			return status;
		}
		i++;
	}
	message_end(b, position);
	return STATUS_OK;
}
