#include "frame.h"

static const u16 nibble[16] = {
	0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
	0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

u16 checksum_crc16(const u8 *bytes, size_t count)
{
	u16 crc = 0xffff;

	while (count--) {
		crc = (u16)(crc << 4) ^ nibble[(crc >> 12) ^ (*bytes >> 4)];
		crc = (u16)(crc << 4) ^ nibble[(crc >> 12) ^ (*bytes & 15)];
		bytes++;
	}
	return crc;
}

u32 checksum_fletcher(const u16 *words, size_t count)
{
	u32 low = 0xffff, high = 0xffff;

	for (size_t i = 0; i < count; i++) {
		low = (low + words[i]) % 65535;
		high = (high + low) % 65535;
	}
	return high << 16 | low;
}
