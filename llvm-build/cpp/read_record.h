// What the faster reading of bitcode leaves out.

#pragma once

#include <cstdint>

namespace thinfarm {

// A block of a bitstream: the bytes of the stream, and the bits of them that the block's records are in.
struct BlockOfBits {
  const uint8_t *Stream = nullptr;
  uint64_t Begin = 0, End = 0;

  bool holds(const uint8_t *Bytes, uint64_t Bit) const {
    return Bytes == Stream && Bit >= Begin && Bit < End;
  }
};

// While one lives, the metadata that the thread reads from one block leads to less: none is attached to declarations and
// variables, and compile units list nothing. With debug information these lead to most of a module's types, and who
// asks what a module says of itself needs none of them. Codes of records mean something else in other blocks, so
// those are read whole. Only a static link leaves anything out.
class BriefMetadata {
public:
  explicit BriefMetadata(BlockOfBits Metadata) { Current = Metadata; }
  ~BriefMetadata() { Current = BlockOfBits(); }
  BriefMetadata(const BriefMetadata &) = delete;
  BriefMetadata &operator=(const BriefMetadata &) = delete;

  static inline thread_local BlockOfBits Current;
};

} // namespace thinfarm
