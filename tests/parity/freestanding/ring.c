#include "frame.h"

u32 ring_used(const struct ring *ring)
{
	return (ring->head - ring->tail) & 255;
}

int ring_put(struct ring *ring, u8 byte)
{
	if (ring_used(ring) == 255)
		return -1;
	ring->bytes[ring->head & 255] = byte;
	ring->head++;
	return 0;
}

int ring_peek(const struct ring *ring, u32 at)
{
	if (at >= ring_used(ring))
		return -1;
	return ring->bytes[(ring->tail + at) & 255];
}

void ring_drop(struct ring *ring, u32 count)
{
	u32 used = ring_used(ring);

	ring->tail += count < used ? count : used;
}
