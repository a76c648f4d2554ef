/*
 * A kvd-maintain with a fault: a backup says that it has one commit more than
 * it has.
 */

#include "store/backup_stream.h"

int __real_backup_begin(struct backup_stream *, backup_write *, void *,
    const struct backup_head *);
int __wrap_backup_begin(struct backup_stream *, backup_write *, void *,
    const struct backup_head *);

int
__wrap_backup_begin(struct backup_stream *s, backup_write *out, void *arg,
    const struct backup_head *head)
{
	struct backup_head late = *head;

	late.revision++;
	return __real_backup_begin(s, out, arg, &late);
}
