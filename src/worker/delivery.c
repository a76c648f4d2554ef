/*
 * delivery: what the registry has got of the pending requests.  Runs in the
 * worker.
 */

#include "worker/delivery.h"

void
delivery_connected(struct delivery *d)
{
	d->state = DELIVERY_GREETED;
}

void
delivery_received(struct delivery *d)
{
	d->state = DELIVERY_ANSWERED;
}

void
delivery_closed(struct delivery *d)
{
	if (d->state == DELIVERY_GREETED)
		d->state = DELIVERY_UNANSWERED;
	else if (d->state == DELIVERY_ANSWERED)
		d->state = DELIVERY_CLOSED;
	d->sent = 0;
}

void
delivery_paused(struct delivery *d)
{
	if (d->state == DELIVERY_UNANSWERED)
		d->state = DELIVERY_CLOSED;
}

bool
delivery_may_send(struct delivery *d, int64_t now_ms, int64_t timeout_ms)
{
	if (d->ever_sent == 0)
		d->first_sent_ms = now_ms;
	return d->sent == d->ever_sent ||
	    now_ms <= d->first_sent_ms + timeout_ms;
}

void
delivery_sent(struct delivery *d, size_t size)
{
	d->sent += size;
	if (d->ever_sent < d->sent)
		d->ever_sent = d->sent;
}

void
delivery_removed(struct delivery *d, size_t size)
{
	d->sent -= size < d->sent ? size : d->sent;
	d->ever_sent -= size < d->ever_sent ? size : d->ever_sent;
}
