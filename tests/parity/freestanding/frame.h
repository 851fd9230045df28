/* A small link layer, as firmware has it: bytes come in through a ring, frames are cut out of them, checked
 * and handed to a handler by their kind. No libc header is needed, so it compiles for every target, and no
 * floating point, so it compiles for kernels too. */
#ifndef FRAME_H
#define FRAME_H

typedef __SIZE_TYPE__ size_t;
typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;

enum kind { KIND_PING, KIND_READ, KIND_WRITE, KIND_STATUS, KIND_RESET, KIND_LOG };

struct ring {
	u8 bytes[256];
	u32 head, tail;
};

struct frame {
	enum kind kind;
	u8 length;
	u8 payload[64];
};

typedef int (*handler)(const struct frame *frame, u64 now);

u32 ring_used(const struct ring *ring);
int ring_put(struct ring *ring, u8 byte);
int ring_peek(const struct ring *ring, u32 at);
void ring_drop(struct ring *ring, u32 count);

u16 checksum_crc16(const u8 *bytes, size_t count);
u32 checksum_fletcher(const u16 *words, size_t count);

int frame_next(struct ring *ring, struct frame *frame);
int frame_write(struct ring *ring, const struct frame *frame);

int dispatch_register(enum kind kind, handler handle);
int dispatch_all(struct ring *ring, u64 now);
u32 dispatch_failures(void);

#endif
