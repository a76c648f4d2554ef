/*
 * kv: the client.  One command, or a prompt.
 *
 * Started a thousand times by a script, so nothing is linked or done here
 * that one command does not need; line editing is in kv-interactive.
 */

#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include "kv/commands.h"
#include "kv/interactive.h"
#include "kv/kv.h"

static enum kv_status
run(struct kv *kv, int argc, char *argv[])
{
	int taken;

	kv->command = commands_find(argv[0]);
	if (kv->command == NULL)
		errx(KV_USAGE, "no command: %s; see kv help", argv[0]);
	taken = options_parse(&kv->options, argc, argv);
	options_target(&kv->options, &kv->target);
	return commands_run(kv, argv + taken, (size_t)(argc - taken));
}

int
main(int argc, char *argv[])
{
	enum kv_status status = KV_DONE;
	struct kv kv;
	int taken;

	kv_init(&kv);
	taken = options_parse(&kv.options, argc, argv);
	if (kv.options.version)
		puts("kv " PACKAGE_VERSION);
	else if (taken < argc)
		status = run(&kv, argc - taken, argv + taken);
	else if (kv.options.own[0] == '\0' && isatty(STDIN_FILENO) == 1) {
		options_target(&kv.options, &kv.target);
		status = interactive_start(&kv, argv);
	} else
		commands_usage();
	kv_clear(&kv);
	return (int)status;
}
