/*
 * command: the table of commands.  Runs in the worker; the words are
 * hostile.
 */

#include <string.h>

#include "proto/command.h"
#include "proto/words.h"

/* In the order in which clients use them most. */
static const struct command commands[] = {
	{ "GET", "bk", MESSAGE_GET, COMMAND_REMOTE },
	{ "PUT", "bkv", MESSAGE_PUT, COMMAND_REMOTE },
	{ "DELETE", "bk", MESSAGE_DELETE, COMMAND_REMOTE },
	{ "EXISTS", "bk", MESSAGE_EXISTS, COMMAND_REMOTE },
	{ "CREATE", "b", MESSAGE_CREATE, COMMAND_REMOTE },
	{ "PING", "", MESSAGE_PING, COMMAND_REMOTE },
	{ "ECHO", "+", 0, COMMAND_ECHO },
	{ "QUIT", "", 0, COMMAND_QUIT },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *
command_find(const struct bytes *words, size_t n)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (words_equal(words[0], commands[i].name))
			break;
	if (i == COMMANDS)
		return NULL;
	if (commands[i].args[0] == '+')
		return n > 1 ? &commands[i] : NULL;
	return n - 1 == strlen(commands[i].args) ? &commands[i] : NULL;
}

static enum status
check_name(struct bytes name, enum status empty, enum status too_long)
{
	if (name.size == 0)
		return empty;
	return name.size > UINT8_MAX ? too_long : STATUS_OK;
}

static enum status
check_arg(char kind, struct bytes word, size_t value_max)
{
	switch (kind) {
	case 'b':
		return check_name(word, STATUS_BUCKET_EMPTY,
		    STATUS_BUCKET_TOO_LONG);
	case 'k':
		return check_name(word, STATUS_KEY_EMPTY, STATUS_KEY_TOO_LONG);
	default:
		return word.size > value_max ? STATUS_VALUE_TOO_LONG :
					       STATUS_OK;
	}
}

enum status
command_encode(const struct command *command, const struct bytes *words,
    size_t value_max, uint64_t sequence, struct buf *b)
{
	enum status status;
	size_t position, i;

	for (i = 0; command->args[i] != '\0'; i++) {
		status = check_arg(command->args[i], words[i + 1], value_max);
		if (status != STATUS_OK)
			return status;
	}
	position = message_begin(b, command->request, sequence);
	for (i = 0; command->args[i] != '\0'; i++) {
		if (command->args[i] == 'v')
			message_put_value(b, words[i + 1]);
		else
			message_put_name(b, words[i + 1]);
	}
	message_end(b, position);
	return STATUS_OK;
}
