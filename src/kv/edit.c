/*
 * edit: kv-interactive, the prompt with libedit's line editing.
 *
 * A program of its own, so that kv starts without what this links.
 */

#include <err.h>
#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "kv/commands.h"
#include "kv/complete.h"
#include "kv/kv.h"
#include "kv/prompt.h"

#define HISTORY_LINES 1000

struct edit {
	struct kv *kv;
	struct prompt *prompt; /* while it reads */
	EditLine *el;
	History *history;
	char *history_path; /* or NULL */
};

static char *
show_prompt(EditLine *el)
{
	static char text[] = PROMPT_TEXT;

	(void)el;
	return text;
}

static struct edit *
edit_of(EditLine *el)
{
	void *edit = NULL;

	(void)el_get(el, EL_CLIENTDATA, &edit);
	return edit;
}

/* A character, of as many bytes as it has: 1, 0 at the end, -1. */
static int
get_char(EditLine *el, wchar_t *to)
{
	struct edit *e = edit_of(el);
	mbstate_t state;
	size_t size;
	char byte;

	memset(&state, 0, sizeof(state));
	do {
		while (prompt_wait(e->prompt) == PROMPT_SAID)
			(void)el_set(el, EL_REFRESH);
		if (read(STDIN_FILENO, &byte, 1) != 1)
			return 0;
		size = mbrtowc(to, &byte, 1, &state);
	} while (size == (size_t)-2);
	/* What is no character stands for itself. */
	if (size == (size_t)-1)
		*to = (unsigned char)byte;
	return 1;
}

/* Tab: the word before the cursor, as far as all candidates agree. */
static unsigned char
complete_word(EditLine *el, int key)
{
	const LineInfo *line = el_line(el);
	struct complete found;
	unsigned char result = CC_REFRESH_BEEP;

	(void)key;
	complete_init(&found);
	complete_line(edit_of(el)->kv, line->buffer,
	    (size_t)(line->cursor - line->buffer), &found);
	if (found.insert[0] != '\0' && el_insertstr(el, found.insert) == 0)
		result = CC_REFRESH;
	else if (found.n > 1) {
		putchar('\n');
		fwrite(buf_data(&found.list), 1, buf_size(&found.list), stdout);
		fflush(stdout);
		result = CC_REDISPLAY;
	}
	complete_clear(&found);
	return result;
}

static bool
read_edited(struct prompt *p, void *state, struct buf *line)
{
	struct edit *e = state;
	HistEvent event;
	const char *text;
	int n;

	e->prompt = p;
	/* Before the prompt is shown, or what is typed at once is echoed
	 * twice, and a Ctrl-D is lost. */
	(void)el_set(e->el, EL_PREP_TERM, 1);
	text = el_gets(e->el, &n);
	if (text == NULL || n <= 0) {
		putchar('\n');
		fflush(stdout);
		return false;
	}
	if (text[0] != '\n')
		(void)history(e->history, &event, H_ENTER, text);
	if (text[n - 1] == '\n')
		n--;
	buf_append(line, text, (size_t)n);
	return true;
}

/* KV_HISTORY, or ~/.kv_history; empty: none. */
static char *
history_path(void)
{
	const char *path = getenv("KV_HISTORY"), *home = getenv("HOME");
	char *text = NULL;

	if (path == NULL && home != NULL && home[0] != '\0') {
		if (asprintf(&text, "%s/.kv_history", home) == -1)
			err(KV_FAILED, NULL);
	} else if (path != NULL && path[0] != '\0') {
		if ((text = strdup(path)) == NULL)
			err(KV_FAILED, NULL);
	}
	return text;
}

static void
edit_open(struct edit *e)
{
	HistEvent event;

	e->history = history_init();
	e->el = el_init("kv", stdin, stdout, stderr);
	if (e->history == NULL || e->el == NULL)
		errx(KV_FAILED, "no line editing");
	(void)el_set(e->el, EL_CLIENTDATA, e);
	(void)el_set(e->el, EL_PROMPT, show_prompt);
	(void)el_set(e->el, EL_SIGNAL, 1);
	(void)el_set(e->el, EL_EDITOR, "emacs");
	(void)el_set(e->el, EL_GETCFN, get_char);
	(void)el_set(e->el, EL_HIST, history, e->history);
	(void)el_set(e->el, EL_ADDFN, "kv-complete", "complete a word",
	    complete_word);
	(void)el_set(e->el, EL_BIND, "^I", "kv-complete", NULL);
	/* The person's own settings come last. */
	(void)el_source(e->el, NULL);
	(void)history(e->history, &event, H_SETSIZE, HISTORY_LINES);
	(void)history(e->history, &event, H_SETUNIQUE, 1);
	e->history_path = history_path();
	if (e->history_path != NULL)
		(void)history(e->history, &event, H_LOAD, e->history_path);
}

static void
edit_close(struct edit *e)
{
	HistEvent event;

	if (e->history_path != NULL &&
	    history(e->history, &event, H_SAVE, e->history_path) == -1)
		warn("%s", e->history_path);
	history_end(e->history);
	el_end(e->el);
	free(e->history_path);
}

int
main(int argc, char *argv[])
{
	enum kv_status status;
	struct edit e = { .kv = NULL };
	struct kv kv;

	(void)setlocale(LC_CTYPE, "");
	kv_init(&kv);
	if (options_parse(&kv.options, argc, argv) < argc)
		commands_usage();
	options_target(&kv.options, &kv.target);
	e.kv = &kv;
	edit_open(&e);
	status = prompt_run(&kv, read_edited, &e);
	edit_close(&e);
	kv_clear(&kv);
	return (int)status;
}
