/*
 * edit: kv-interactive, the prompt with the line editing of libedit.
 *
 * It is a program of its own, so that kv does not link libedit and starts
 * fast.
 */

#include <err.h>
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "kv/complete.h"
#include "kv/kv_commands.h"
#include "kv/prompt.h"
#include "kv/recall.h"

/* The character Ctrl-C, to which a function is bound. */
#define INTERRUPT 3

struct edit {
	struct kv *kv;
	struct prompt *prompt; /* that is reading a line */
	EditLine *el;
	struct recall recall;
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

/* Reads the next byte.  Returns 1, 0 at the end, or -1 for Ctrl-C. */
static int
get_byte(EditLine *el, char *byte)
{
	enum prompt_wake wake;
	ssize_t n;

	do {
		while (
		    (wake = prompt_wait(edit_of(el)->prompt)) == PROMPT_PRINTED)
			(void)el_set(el, EL_REFRESH);
		if (wake == PROMPT_INTERRUPTED)
			return -1;
		n = read(STDIN_FILENO, byte, 1);
	} while (n == -1 && (errno == EINTR || errno == EAGAIN));
	return n == 1;
}

/* Reads a character, which may have several bytes.  Returns 1, or 0 at the
 * end, as libedit wants it. */
static int
get_char(EditLine *el, wchar_t *to)
{
	mbstate_t state;
	size_t size;
	char byte;
	int n;

	memset(&state, 0, sizeof(state));
	do {
		n = get_byte(el, &byte);
		if (n == -1) {
			*to = INTERRUPT;
			return 1;
		}
		if (n == 0)
			return 0;
		size = mbrtowc(to, &byte, 1, &state);
	} while (size == (size_t)-2);
	/* A byte that is not part of a character stands for itself. */
	if (size == (size_t)-1)
		*to = (unsigned char)byte;
	return 1;
}

/* Tab completes the word before the cursor, as far as all candidates agree.
 * If that adds nothing, it lists them. */
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

/* Ctrl-C discards the line, and an empty one begins. */
static unsigned char
clear_line(EditLine *el, int key)
{
	const LineInfoW *line = el_wline(el);
	int size = (int)(line->lastchar - line->buffer);

	(void)key;
	(void)el_cursor(el, (int)(line->lastchar - line->cursor));
	el_deletestr(el, size);
	fputs("^C\n", stdout);
	fflush(stdout);
	return el_insertstr(el, "\n") == 0 ? CC_NEWLINE : CC_ERROR;
}

static bool
read_edited(struct prompt *p, void *state, struct buf *line)
{
	struct edit *e = state;
	const char *text;
	int n;

	e->prompt = p;
	/* The terminal must be set up before the prompt is shown.  Otherwise
	 * what is typed at once is echoed twice, and a Ctrl-D is lost. */
	(void)el_set(e->el, EL_PREP_TERM, 1);
	text = el_gets(e->el, &n);
	if (text == NULL || n <= 0) {
		putchar('\n');
		fflush(stdout);
		return false;
	}
	if (text[0] != '\n')
		recall_add(&e->recall, text);
	if (text[n - 1] == '\n')
		n--;
	buf_append(line, text, (size_t)n);
	return true;
}

static void
edit_open(struct edit *e)
{
	recall_open(&e->recall);
	e->el = el_init("kv", stdin, stdout, stderr);
	if (e->el == NULL)
		errx(KV_FAILED, "cannot set up line editing");
	(void)el_set(e->el, EL_CLIENTDATA, e);
	(void)el_set(e->el, EL_PROMPT, show_prompt);
	(void)el_set(e->el, EL_SIGNAL, 1);
	(void)el_set(e->el, EL_EDITOR, "emacs");
	(void)el_set(e->el, EL_GETCFN, get_char);
	(void)el_set(e->el, EL_HIST, history, e->recall.history);
	(void)el_set(e->el, EL_ADDFN, "kv-complete", "complete a word",
	    complete_word);
	(void)el_set(e->el, EL_ADDFN, "kv-clear", "discard the line",
	    clear_line);
	(void)el_set(e->el, EL_BIND, "^I", "kv-complete", NULL);
	/* ~/.editrc comes after the defaults.  It may choose the keys of vi,
	 * which removes all bindings, so Ctrl-C is bound after it. */
	(void)el_source(e->el, NULL);
	(void)el_set(e->el, EL_BIND, "^C", "kv-clear", NULL);
	(void)el_set(e->el, EL_BIND, "-a", "^C", "kv-clear", NULL);
}

static void
edit_close(struct edit *e)
{
	el_end(e->el);
	recall_close(&e->recall);
}

int
main(int argc, char *argv[])
{
	enum kv_status status;
	struct edit e = { .kv = NULL };
	struct kv kv;

	kv_start();
	(void)setlocale(LC_CTYPE, "");
	kv_init(&kv);
	if (kv_options_parse(&kv.options, "", argc, argv) != argc)
		kv_commands_usage(NULL);
	if (kv_commands_inform(&kv))
		return KV_DONE;
	kv_options_target(&kv.options, &kv.target);
	e.kv = &kv;
	edit_open(&e);
	status = prompt_run(&kv, read_edited, &e);
	edit_close(&e);
	kv_clear(&kv);
	return (int)status;
}
