/*
 * fuzz_import: this target reads the lines that `kv import' reads
 * (kv/import.c).  Each line that import waits for must have led to exactly one
 * request, and the reply to each request must be a status line only.
 */

#include <string.h>

#include "fuzz/fuzz.h"

/* The function under test is static, so its source is included. */
#include "kv/import.c"

/* This removes the requests that import would send, and returns their
 * number. */
static size_t
check_requests(struct buf *out)
{
	size_t n = 0, size, taken;
	struct buf words;

	buf_init(&words);
	while (
	    words_find_line(buf_data(out), buf_size(out), 0, &size, &taken)) {
		FUZZ_ASSERT(
		    words_split_raw(buf_data(out), size, &words) == WORDS_OK);
		FUZZ_ASSERT(words_count(&words) > 0);
		FUZZ_ASSERT(
		    is_importable(words_get(&words), words_count(&words)));
		buf_consume(out, taken);
		n++;
	}
	FUZZ_ASSERT(buf_size(out) == 0);
	buf_clear(&words);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct import im;
	struct kv kv;

	memset(&kv, 0, sizeof(kv));
	memset(&im, 0, sizeof(im));
	kv_conn_init(&kv.conn, 0);
	im.kv = &kv;
	bar_init(&im.bar, "lines", false);
	/* This suppresses the error messages. */
	im.failed = FAILURES_PRINTED;
	buf_append(&im.in, data, size);
	do {
		take_lines(&im);
		FUZZ_ASSERT(check_requests(&kv.conn.out) == im.under_way);
		im.first = (im.first + im.under_way) % WINDOW;
		im.under_way = 0;
	} while (im.whole);
	FUZZ_ASSERT(im.read_bytes + buf_size(&im.in) == size);
	buf_clear(&im.in);
	buf_clear(&im.words);
	kv_conn_clear(&kv.conn);
	return 0;
}
