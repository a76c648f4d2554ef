/*
 * screen: draws on a terminal with the control sequences of ECMA-48, which all
 * terminals of today understand, and xterm's for another screen.
 */

#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "kvctl/screen.h"

/* Another screen without a cursor, and the one before. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"

/* Where the terminal does not say its size. */
#define ROWS 24
#define COLUMNS 80
#define LINE_SIZE 512

static void
measure(struct screen *s)
{
	struct winsize size;

	s->rows = ROWS;
	s->columns = COLUMNS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0) {
		s->rows = size.ws_row;
		s->columns = size.ws_col;
	}
}

/* Keys come one by one and are not shown; Ctrl-C still is a signal, Ctrl-Z is
 * none: the screen would stay as it is. */
static int
set_terminal(struct screen *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->before) == -1 || !isatty(STDOUT_FILENO))
		return -1;
	raw = s->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static int
write_all(const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	for (; size > 0; p += n, size -= (size_t)n) {
		n = write(STDOUT_FILENO, p, size);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n == -1)
			n = 0;
	}
	return 0;
}

int
screen_open(struct screen *s)
{
	sigset_t signals;

	memset(s, 0, sizeof(*s));
	buf_init(&s->out);
	if (set_terminal(s) == -1)
		return -1;
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGWINCH);
	s->signal_fd = -1;
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == 0)
		s->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (s->signal_fd == -1 || write_all(ENTER, strlen(ENTER)) == -1) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
		return -1;
	}
	measure(s);
	return 0;
}

void
screen_close(struct screen *s)
{
	(void)write_all(LEAVE, strlen(LEAVE));
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->before);
	(void)close(s->signal_fd);
	buf_clear(&s->out);
}

void
screen_begin(struct screen *s)
{
	s->row = 0;
	buf_truncate(&s->out, 0);
	buf_append_text(&s->out, HOME);
}

unsigned int
screen_left(const struct screen *s)
{
	return s->row < s->rows ? s->rows - s->row : 0;
}

void
screen_line(struct screen *s, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list args;

	if (screen_left(s) == 0)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (s->columns < sizeof(line))
		line[s->columns] = '\0';
	/* The last line has no end, which would scroll. */
	if (s->row++ > 0)
		buf_append_byte(&s->out, '\n');
	buf_append_text(&s->out, line);
	buf_append_text(&s->out, CLEAR_LINE);
}

int
screen_end(struct screen *s)
{
	buf_append_text(&s->out, CLEAR_REST);
	if (buf_failed(&s->out))
		return -1;
	return write_all(buf_data(&s->out), buf_size(&s->out));
}

static enum screen_event
read_signal(struct screen *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info) ||
	    info.ssi_signo != SIGWINCH)
		return SCREEN_QUIT;
	measure(s);
	return SCREEN_RESIZED;
}

enum screen_event
screen_wait(struct screen *s, int64_t deadline_ms)
{
	struct pollfd pfds[2] = { { .fd = s->signal_fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN } };
	char key;

	for (;;) {
		switch (io_poll(pfds, 2, deadline_ms)) {
		case IO_AGAIN:
			return SCREEN_TIMEOUT;
		case IO_FAILED:
			return SCREEN_QUIT;
		}
		if (pfds[0].revents != 0)
			return read_signal(s);
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' ||
		    key == 'Q')
			return SCREEN_QUIT;
	}
}
