#include "bitstream.h"

#include "llvm/Bitstream/BitCodeEnums.h"

using namespace llvm;

namespace thinfarm {

Error BitstreamWalk::malformed() const {
  return createStringError(std::errc::illegal_byte_sequence, "malformed %s", What);
}

Error BitstreamWalk::walk() {
  while (!Stopped && (!Open.empty() || !Stream.AtEndOfStream())) {
    Expected<BitstreamEntry> Entry = Stream.advance();
    if (!Entry)
      return Entry.takeError();
    const unsigned Block = Open.empty() ? Outside : Open.back();
    switch (Entry->Kind) {
    case BitstreamEntry::Error:
      return malformed();
    case BitstreamEntry::EndBlock:
      Open.pop_back();
      end(Block);
      break;
    case BitstreamEntry::SubBlock:
      if (Error E = enter(Entry->ID, Block))
        return E;
      break;
    case BitstreamEntry::Record:
      if (Error E = read(Block, Entry->ID))
        return E;
      break;
    }
  }
  return Error::success();
}

Error BitstreamWalk::enter(unsigned Block, unsigned Parent) {
  if (Block == bitc::BLOCKINFO_BLOCK_ID)
    return readAbbreviations();
  if (!enters(Block, Parent))
    return Stream.SkipBlock();
  if (Open.size() == Deepest)
    return malformed();
  unsigned Words = 0;
  if (Error E = Stream.EnterSubBlock(Block, &Words))
    return E;
  Open.push_back(Block);
  begin(Block, Words);
  return Error::success();
}

Error BitstreamWalk::read(unsigned Block, unsigned Abbreviation) {
  if (Block == Outside)
    return malformed();
  if (!reads(Block))
    return Stream.skipRecord(Abbreviation).takeError();
  Operands.clear();
  StringRef Blob;
  Expected<unsigned> Code = Stream.readRecord(Abbreviation, Operands, &Blob);
  return Code ? record(Block, *Code, Operands, Blob) : Code.takeError();
}

Error BitstreamWalk::readAbbreviations() {
  Expected<std::optional<BitstreamBlockInfo>> Info = Stream.ReadBlockInfoBlock();
  if (!Info)
    return Info.takeError();
  if (!*Info)
    return malformed();
  Abbreviations = std::move(**Info);
  return Error::success();
}

} // namespace thinfarm
