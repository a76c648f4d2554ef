/*
 * kv: the client.  It runs one command, or a prompt.
 *
 * A script may start it thousands of times, so it links and does nothing that
 * a single command does not need.  Line editing is in kv-interactive.
 */

#include <err.h>
#include <unistd.h>

#include "kv/interactive.h"
#include "kv/kv_commands.h"

/* Returns how many words of argv the options are, argv[0] included. */
static int
parse_options(struct kv *kv, const char *own, int argc, char *argv[])
{
	int taken = kv_options_parse(&kv->options, own, argc, argv);

	if (taken == -1)
		kv_commands_usage(kv->command);
	return taken;
}

/* argv[0] is the name of the command. */
static enum kv_status
run(struct kv *kv, int argc, char *argv[])
{
	int taken;

	kv->command = kv_commands_find(bytes_from_text(argv[0]));
	if (kv->command == NULL)
		errx(KV_USAGE, "not a command: %s; see kv help", argv[0]);
	taken = parse_options(kv, kv->command->options, argc, argv);
	if (kv_commands_inform(kv))
		return KV_DONE;
	kv_options_target(&kv->options, &kv->target);
	return kv_commands_run(kv, argv + taken, (size_t)(argc - taken));
}

/* A person gets a prompt.  The input of a program is sent as it is. */
static enum kv_status
run_without_command(struct kv *kv, char *argv[])
{
	char raw[] = "raw";

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
	taken = parse_options(&kv, "", argc, argv);
	if (!kv_commands_inform(&kv))
		status = taken < argc ? run(&kv, argc - taken, argv + taken) :
					run_without_command(&kv, argv);
	kv_clear(&kv);
	return (int)status;
}
