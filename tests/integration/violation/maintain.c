/*
 * A kvd-maintain that violates its sandbox when it is to check a store.
 */

#include "store/store_verify.h"
#include "violate.h"

enum store_result __real_store_verify(const struct verify_options *,
    struct verify_result *);
enum store_result __wrap_store_verify(const struct verify_options *,
    struct verify_result *);

enum store_result
__wrap_store_verify(const struct verify_options *options,
    struct verify_result *result)
{
	violate();
	return __real_store_verify(options, result);
}
