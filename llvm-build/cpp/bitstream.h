// A walk over the blocks and records of a bitstream, for who wants to know little of much: nothing is built of what is
// read, and blocks that nobody wants are skipped whole.

#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Support/Error.h"

#include <limits>

namespace thinfarm {

class BitstreamWalk {
public:
  llvm::Error walk();

protected:
  // What the blocks of the whole stream are in.
  static constexpr unsigned Outside = std::numeric_limits<unsigned>::max();

  // Bits begins behind the magic number. What is what it is called in errors.
  BitstreamWalk(llvm::StringRef Bits, const char *What) : Stream(Bits), What(What) {
    Stream.setBlockInfo(&Abbreviations);
  }
  ~BitstreamWalk() = default;

  // Whether to enter a block in another; if not, it is skipped.
  virtual bool enters(unsigned Block, unsigned Parent) = 0;
  // A block was entered, which has so many 32-bit words.
  virtual void begin(unsigned Block, uint64_t Words) {}
  virtual void end(unsigned Block) {}
  // Whether the records of a block are to be read.
  virtual bool reads(unsigned Block) const { return true; }
  // A record was read.
  virtual llvm::Error record(unsigned Block, unsigned Code, llvm::ArrayRef<uint64_t> Operands,
                             llvm::StringRef Blob) = 0;

  // All is known: the walk ends here.
  void stop() { Stopped = true; }
  // Goes on at this bit of the stream.
  llvm::Error jump(uint64_t Bit) { return Stream.JumpToBit(Bit); }
  llvm::Error malformed() const;
  const llvm::BitstreamCursor &stream() const { return Stream; }

private:
  // Blocks within blocks that no bitcode has so deep: each keeps a copy of its abbreviations.
  static constexpr size_t Deepest = 8;

  llvm::Error enter(unsigned Block, unsigned Parent);
  llvm::Error read(unsigned Block, unsigned Abbreviation);
  llvm::Error readAbbreviations();

  llvm::BitstreamBlockInfo Abbreviations;
  llvm::BitstreamCursor Stream;
  const char *What;
  bool Stopped = false;
  llvm::SmallVector<unsigned, 8> Open;
  llvm::SmallVector<uint64_t, 64> Operands;
};

} // namespace thinfarm
