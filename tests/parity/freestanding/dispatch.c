#include "frame.h"

static handler handlers[6];
static u64 last_seen[6];
static u16 count_seen[6];

/* Each thread counts its own, so that no lock is needed. */
static _Thread_local u32 failures;
_Thread_local u64 dispatch_time;

int dispatch_register(enum kind kind, handler handle)
{
	if (kind > KIND_LOG || handlers[kind])
		return -1;
	handlers[kind] = handle;
	return 0;
}

static int reply_to_ping(struct ring *ring, const struct frame *ping, u64 now)
{
	struct frame pong = { KIND_STATUS, 8, { 0 } };

	for (int i = 0; i < 8; i++)
		pong.payload[i] = (u8)(now >> (8 * i));
	pong.payload[0] ^= ping->length;
	return frame_write(ring, &pong);
}

int dispatch_all(struct ring *ring, u64 now)
{
	struct frame frame;
	int handled = 0;

	dispatch_time = now;
	while (frame_next(ring, &frame)) {
		handler handle = handlers[frame.kind];
		int status = frame.kind == KIND_PING ? reply_to_ping(ring, &frame, now) : -1;

		if (handle)
			status = handle(&frame, now - last_seen[frame.kind]);
		if (status < 0)
			failures++;
		last_seen[frame.kind] = now;
		count_seen[frame.kind]++;
		handled++;
	}
	return handled;
}

u32 dispatch_failures(void)
{
	return failures + checksum_fletcher(count_seen, 6);
}
