#include "frame.h"

#define START 0x7e

/* The smallest payload each kind has; anything shorter is noise. */
static u32 least_length(enum kind kind)
{
	switch (kind) {
	case KIND_PING: return 0;
	case KIND_READ: return 6;
	case KIND_WRITE: return 7;
	case KIND_STATUS: return 2;
	case KIND_RESET: return 4;
	case KIND_LOG: return 1;
	}
	return 65;
}

int frame_next(struct ring *ring, struct frame *frame)
{
	while (ring_used(ring) >= 5) {
		u8 check[66];
		u32 length = (u32)ring_peek(ring, 2);

		if (ring_peek(ring, 0) != START || length > 64) {
			ring_drop(ring, 1);
			continue;
		}
		if (ring_used(ring) < length + 5)
			return 0;
		for (u32 i = 0; i < length + 2; i++)
			check[i] = (u8)ring_peek(ring, i + 1);
		u16 sum = (u16)(ring_peek(ring, length + 3) << 8 | ring_peek(ring, length + 4));
		if (sum != checksum_crc16(check, length + 2) || length < least_length(check[0])) {
			ring_drop(ring, 1);
			continue;
		}
		frame->kind = check[0];
		frame->length = (u8)length;
		for (u32 i = 0; i < length; i++)
			frame->payload[i] = check[i + 2];
		ring_drop(ring, length + 5);
		return 1;
	}
	return 0;
}

int frame_write(struct ring *ring, const struct frame *frame)
{
	u8 body[66] = { (u8)frame->kind, frame->length };
	int full = ring_put(ring, START);

	for (u32 i = 0; i < frame->length; i++)
		body[i + 2] = frame->payload[i];
	u16 sum = checksum_crc16(body, (size_t)frame->length + 2);
	for (u32 i = 0; i < frame->length + 2u; i++)
		full |= ring_put(ring, body[i]);
	full |= ring_put(ring, (u8)(sum >> 8));
	full |= ring_put(ring, (u8)sum);
	return full;
}
