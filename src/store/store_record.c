/*
 * store_record: records as LMDB takes them.  Runs in the registry and the
 * checkpointer.
 */

#include <string.h>

#include "store/store_record.h"

MDB_val
record_val(struct bytes b)
{
	MDB_val v = { .mv_size = b.size };

	memcpy(&v.mv_data, &b.data, sizeof(v.mv_data));
	return v;
}

struct bytes
record_bytes(MDB_val v)
{
	return (struct bytes){ v.mv_data, v.mv_size };
}
