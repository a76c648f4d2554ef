/*
 * fuzz_config: this target reads the configuration (common/config) as a file
 * and as the lines that the master sends its children.  What config_print makes
 * of a configuration must be read as the same configuration, even if the input
 * had mistakes.
 */

#include <sys/mman.h>

#include <err.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "fuzz/fuzz.h"

static void
append_nul(struct buf *b)
{
	buf_append_byte(b, '\0');
	FUZZ_ASSERT(!buf_failed(b));
}

static void
print_and_read(const struct config *c)
{
	char error[CONFIG_ERROR_SIZE] = "";
	struct buf printed, again;
	struct config copy;

	buf_init(&printed);
	buf_init(&again);
	config_print(c, &printed);
	append_nul(&printed);
	FUZZ_ASSERT(config_init(&copy) == 0);
	FUZZ_ASSERT(
	    config_lines(&copy, (const char *)buf_data(&printed), error) == 0);
	config_print(&copy, &again);
	append_nul(&again);
	FUZZ_ASSERT(strcmp((const char *)buf_data(&printed),
			(const char *)buf_data(&again)) == 0);
	config_clear(&copy);
	buf_clear(&printed);
	buf_clear(&again);
}

/* `text` must end with a NUL byte. */
static void
read_lines(const char *text)
{
	char error[CONFIG_ERROR_SIZE] = "";
	struct config c;

	FUZZ_ASSERT(config_init(&c) == 0);
	if (config_lines(&c, text, error) == -1) {
		FUZZ_ASSERT(error[0] != '\0');
		FUZZ_ASSERT(strchr(error, '\n') == NULL);
	}
	print_and_read(&c);
	config_clear(&c);
}

static void
read_file(const uint8_t *data, size_t size)
{
	struct buf errors;
	struct config c;
	char path[64];
	int fd;

	if ((fd = memfd_create("kvd.conf", MFD_CLOEXEC)) == -1 ||
	    write(fd, data, size) != (ssize_t)size)
		err(1, "memfd_create");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	buf_init(&errors);
	FUZZ_ASSERT(config_init(&c) == 0);
	FUZZ_ASSERT((config_file(&c, path, true, &errors) == -1) ==
	    (buf_size(&errors) > 0));
	(void)config_check_listens(&c, &errors);
	print_and_read(&c);
	config_clear(&c);
	buf_clear(&errors);
	(void)close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text;

	buf_init(&text);
	buf_append(&text, data, size);
	append_nul(&text);
	read_lines((const char *)buf_data(&text));
	buf_clear(&text);
	read_file(data, size);
	return 0;
}
