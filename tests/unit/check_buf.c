/*
 * check_buf: these tests check the growing byte queue (common/buf).
 */

#include <sys/socket.h>

#include <unistd.h>

#include "common/io.h"
#include "unit.h"

static struct buf b;

static void
setup(void)
{
	buf_init(&b);
}

static void
teardown(void)
{
	buf_clear(&b);
}

TEST(test_empty)
{
	ck_assert_uint_eq(buf_size(&b), 0);
	ck_assert(!buf_failed(&b));
	buf_append(&b, NULL, 0);
	buf_append_text(&b, "");
	buf_consume(&b, 0);
	buf_truncate(&b, 0);
	buf_truncate(&b, 1);
	buf_shrink(&b, 0);
	ck_assert_uint_eq(buf_size(&b), 0);
	ck_assert(!buf_failed(&b));
}

TEST(test_append)
{
	buf_append(&b, "a\0b", 3);
	buf_append_byte(&b, 0xff);
	buf_append_text(&b, "xyz");
	buf_append(&b, "ignored", 0);
	unit_assert_bytes(buf_bytes(&b),
	    ((struct bytes)UNIT_BYTES("a\0b\xffxyz")));
}

TEST(test_clear)
{
	buf_append_text(&b, "abc");
	buf_clear(&b);
	ck_assert_uint_eq(buf_size(&b), 0);
	buf_append_text(&b, "de");
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("de"));
	buf_clear(&b);
	buf_clear(&b);
}

TEST(test_consume)
{
	buf_append_text(&b, "abcdef");
	buf_consume(&b, 2);
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("cdef"));
	buf_consume(&b, 0);
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("cdef"));
	buf_append_text(&b, "gh");
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("cdefgh"));
	buf_consume(&b, 6);
	ck_assert_uint_eq(buf_size(&b), 0);
	buf_append_text(&b, "i");
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("i"));
}

static const struct {
	size_t consume, truncate;
	const char *left;
} truncate_table[] = {
	{ 0, 0, "" },
	{ 0, 1, "a" },
	{ 0, 5, "abcde" },
	{ 0, 6, "abcdef" },
	{ 0, 7, "abcdef" },
	{ 0, SIZE_MAX, "abcdef" },
	{ 2, 0, "" },
	{ 2, 1, "c" },
	{ 2, 3, "cde" },
	{ 2, 4, "cdef" },
	{ 2, 5, "cdef" },
	{ 2, SIZE_MAX, "cdef" },
	{ 6, 0, "" },
	{ 6, 3, "" },
};

TEST(test_truncate)
{
	buf_append_text(&b, "abcdef");
	buf_consume(&b, truncate_table[_i].consume);
	buf_truncate(&b, truncate_table[_i].truncate);
	unit_assert_bytes(buf_bytes(&b),
	    bytes_from_text(truncate_table[_i].left));
	/* Removed bytes must not reappear. */
	buf_append_text(&b, "Z");
	ck_assert_uint_eq(buf_size(&b), strlen(truncate_table[_i].left) + 1);
	ck_assert_int_eq(buf_data(&b)[buf_size(&b) - 1], 'Z');
}

TEST(test_reserve_commit)
{
	uint8_t *to = buf_reserve(&b, 10);

	ck_assert_ptr_nonnull(to);
	memcpy(to, "0123456789", 10);
	ck_assert_uint_eq(buf_size(&b), 0);
	buf_commit(&b, 4);
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("0123"));
	to = buf_reserve(&b, 2);
	ck_assert_ptr_eq(to, buf_data(&b) + 4);
	memcpy(to, "ab", 2);
	buf_commit(&b, 2);
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("0123ab"));
	buf_commit(&b, 0);
	ck_assert_uint_eq(buf_size(&b), 6);
}

/* Each test uses all of the requested space, and one byte more. */
static const size_t size_table[] = { 1, 2, 511, 512, 513, 1023, 1024, 1025,
	4096, 65536, 1 << 20, (1 << 20) + 1 };

TEST(test_sizes)
{
	size_t size = size_table[_i];
	uint8_t *to = buf_reserve(&b, size), *data;

	ck_assert_ptr_nonnull(to);
	memset(to, 0x5a, size);
	buf_commit(&b, size);
	ck_assert_uint_eq(buf_size(&b), size);
	buf_append_byte(&b, 0xa5);
	ck_assert_uint_eq(buf_size(&b), size + 1);
	data = buf_data(&b);
	ck_assert_int_eq(data[0], 0x5a);
	ck_assert_int_eq(data[size - 1], 0x5a);
	ck_assert_int_eq(data[size], 0xa5);
}

TEST(test_shrink)
{
	buf_append_text(&b, "abc");
	buf_shrink(&b, 0);
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("abc"));
	ck_assert_uint_gt(b.cap, 0);
	buf_consume(&b, 3);
	buf_shrink(&b, SIZE_MAX);
	buf_shrink(&b, b.cap);
	ck_assert_uint_gt(b.cap, 0);
	buf_shrink(&b, b.cap - 1);
	ck_assert_uint_eq(b.cap, 0);
	buf_append_text(&b, "de");
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("de"));
}

/* These sizes exceed any address space, with and without bytes in the
 * buffer. */
static const size_t too_much_table[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2,
	SIZE_MAX / 4 + 1, SIZE_MAX / 4 };

TEST(test_out_of_memory)
{
	buf_append_text(&b, "abc");
	ck_assert_ptr_null(buf_reserve(&b, too_much_table[_i]));
	ck_assert(buf_failed(&b));
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("abc"));
	/* Later appends must fail as well, since bytes are missing between. */
	buf_append_text(&b, "def");
	buf_append_byte(&b, 'g');
	ck_assert_ptr_null(buf_reserve(&b, 1));
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("abc"));
	buf_consume(&b, 1);
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("bc"));
	ck_assert(buf_failed(&b));
	buf_clear(&b);
	ck_assert(!buf_failed(&b));
	buf_append_text(&b, "h");
	unit_assert_bytes(buf_bytes(&b), bytes_from_text("h"));
}

/* A queue that is drained as fast as it fills must not grow for ever. */
TEST(test_stays_small)
{
	size_t i;

	buf_append_text(&b, "0123456789");
	for (i = 0; i < 100000; i++) {
		buf_append_text(&b, "0123456789");
		if (memcmp(buf_data(&b), "0123456789", 10) != 0)
			ck_abort_msg("round %zu: wrong bytes", i);
		buf_consume(&b, 10);
	}
	ck_assert_uint_eq(buf_size(&b), 10);
	ck_assert_uint_le(b.cap, 1024);
}

/* The buffer uses borrowed memory while it is large enough, and never frees
 * it. */
TEST(test_borrowed)
{
	uint8_t memory[8];
	int i;

	for (i = 0; i < 2; i++) {
		buf_init_with(&b, memory, sizeof(memory));
		ck_assert_uint_eq(buf_size(&b), 0);
		buf_append_text(&b, "01234567");
		ck_assert_ptr_eq(buf_data(&b), memory);
		buf_consume(&b, 2);
		if (i == 0)
			ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
		else
			buf_append_text(&b, "8");
		unit_assert_bytes(buf_bytes(&b),
		    bytes_from_text(i == 0 ? "234567" : "2345678"));
		if (i == 1)
			ck_assert_ptr_ne(buf_data(&b), memory + 2);
		/* Without this call the buffer's memory would leak. */
		buf_clear(&b);
		ck_assert_uint_eq(buf_size(&b), 0);
		buf_append_text(&b, "x");
		ck_assert_ptr_ne(buf_data(&b), memory);
		buf_clear(&b);
	}
}

static void
pass(int fd, const char *text, size_t size)
{
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
}

/* Reads stop at the end of the borrowed memory until a read has filled it. */
TEST(test_read)
{
	uint8_t memory[1024];
	char text[5000];
	struct bytes whole = { text, 0 };
	int fds[2];

	memset(text, 'a', sizeof(text));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	buf_init_with(&b, memory, sizeof(memory));
	ck_assert_int_eq(io_recv_buf(fds[0], &b, MSG_DONTWAIT), IO_AGAIN);
	pass(fds[1], text, 1023);
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), 1023);
	ck_assert_ptr_eq(buf_data(&b), memory);
	buf_consume(&b, 1023);
	pass(fds[1], text, sizeof(text));
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), 1024);
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), 5000 - 1024);
	whole.size = sizeof(text);
	unit_assert_bytes(buf_bytes(&b), whole);
	buf_clear(&b);
	/* The remaining space is too small to read into. */
	buf_init_with(&b, memory, sizeof(memory));
	pass(fds[1], text, 900);
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), 900);
	pass(fds[1], text, 1000);
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), 1000);
	whole.size = 1900;
	unit_assert_bytes(buf_bytes(&b), whole);
	(void)close(fds[1]);
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), IO_END);
	b.failed = true;
	ck_assert_int_eq(io_recv_buf(fds[0], &b, 0), IO_FAILED);
	(void)close(fds[0]);
}

/* This compares the buffer with a model that counts the bytes put in and taken
 * out. */
TEST(test_random)
{
	uint64_t state = 1 + (uint64_t)_i, put = 0, got = 0;
	uint8_t data[700];
	uint8_t memory[2048];
	size_t i, n;
	int round;

	if (_i % 2 != 0)
		buf_init_with(&b, memory, sizeof(memory));
	for (round = 0; round < 3000; round++) {
		n = unit_random(&state) % sizeof(data);
		for (i = 0; i < n; i++)
			data[i] = (uint8_t)((put + i) * 31 >> 2);
		buf_append(&b, data, n);
		put += n;
		n = unit_random(&state) % (buf_size(&b) + 1);
		for (i = 0; i < n; i++)
			if (buf_data(&b)[i] != (uint8_t)((got + i) * 31 >> 2))
				ck_abort_msg("round %d: wrong byte", round);
		buf_consume(&b, n);
		got += n;
		if (buf_size(&b) != put - got)
			ck_abort_msg("round %d: wrong size", round);
		buf_shrink(&b, 1024);
	}
	ck_assert(!buf_failed(&b));
}

static const struct test tests[] = {
	CASE("buf", setup, teardown),
	ONCE(test_empty),
	ONCE(test_append),
	ONCE(test_clear),
	ONCE(test_consume),
	EACH(test_truncate, truncate_table),
	ONCE(test_reserve_commit),
	EACH(test_sizes, size_table),
	ONCE(test_shrink),
	EACH(test_out_of_memory, too_much_table),
	ONCE(test_stays_small),
	ONCE(test_borrowed),
	ONCE(test_read),
	LOOP(test_random, 4),
};

SUITE("buf", tests)
