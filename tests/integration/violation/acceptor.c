/*
 * An acceptor whose workers violate their sandbox when they receive `VIOLATE'.
 */

#include <string.h>

#include "violate.h"
#include "worker/input.h"
#include "worker/state.h"

bool __real_input_run(struct worker *);
bool __wrap_input_run(struct worker *);

bool
__wrap_input_run(struct worker *w)
{
	static const char text[] = "VIOLATE";

	if (memmem(buf_data(&w->client.in), buf_size(&w->client.in), text,
		strlen(text)) != NULL)
		violate();
	return __real_input_run(w);
}
