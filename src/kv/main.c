/*
 * kv: the client.  One command, or a prompt.
 *
 * Started a thousand times by a script, so nothing is linked or done here
 * that one command does not need; line editing is in kv-interactive.
 */

#include <err.h>
#include <string.h>
#include <unistd.h>

#include "kv/kv_commands.h"
#include "kv/interactive.h"
#include "kv/kv.h"

static enum kv_status
run(struct kv *kv, int argc, char *argv[])
{
	struct bytes name = { argv[0], strlen(argv[0]) };
	int taken;

	kv->command = kv_commands_find(name);
	if (kv->command == NULL)
		errx(KV_USAGE, "no command: %s; see kv help", argv[0]);
	taken = kv_options_parse(&kv->options, argc, argv);
	if (kv_commands_inform(kv))
		return KV_DONE;
	kv_options_target(&kv->options, &kv->target);
	return kv_commands_run(kv, argv + taken, (size_t)(argc - taken));
}

/* A person gets a prompt; what a program has to say is requests. */
static enum kv_status
run_without_command(struct kv *kv, char *argv[])
{
	char raw[] = "raw";

	if (kv->options.own[0] != '\0')
		kv_commands_usage();
	if (isatty(STDIN_FILENO) != 1)
		return run(kv, 1, (char *[]){ raw, NULL });
	kv_options_target(&kv->options, &kv->target);
	return interactive_start(kv, argv);
}

int
main(int argc, char *argv[])
{
	enum kv_status status = KV_DONE;
	struct kv kv;
	int taken;

	kv_start();
	kv_init(&kv);
	taken = kv_options_parse(&kv.options, argc, argv);
	if (!kv_commands_inform(&kv))
		status = taken < argc ? run(&kv, argc - taken, argv + taken) :
					run_without_command(&kv, argv);
	kv_clear(&kv);
	return (int)status;
}
