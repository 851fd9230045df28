// Which inline assembly reads files: the one way to the bytes of an object that no index, no option
// and no summary tells of.
//
// The bitstream is walked without building IR: blocks that cannot hold assembly are skipped whole.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"

using namespace llvm;

namespace thinfarm {

namespace {

class AssemblyFinder {
public:
  AssemblyFinder(StringRef Bitcode, rust::Vec<rust::String> &Texts)
      : Stream(Bitcode), Texts(Texts) {
    Stream.setBlockInfo(&BlockInfo);
  }

  Error find() {
    while (!Stream.AtEndOfStream()) {
      Expected<BitstreamEntry> Entry = Stream.advance();
      if (!Entry)
        return Entry.takeError();
      if (Entry->Kind != BitstreamEntry::SubBlock)
        return malformed();
      if (Error E = enter(Entry->ID, Entry->ID == bitc::MODULE_BLOCK_ID))
        return E;
    }
    return Error::success();
  }

private:
  static Error malformed() {
    return createStringError(std::errc::illegal_byte_sequence, "malformed bitcode");
  }

  static bool holdsAssembly(unsigned Parent, unsigned Block) {
    return Block == bitc::CONSTANTS_BLOCK_ID ||
           (Block == bitc::FUNCTION_BLOCK_ID && Parent == bitc::MODULE_BLOCK_ID);
  }

  Error enter(unsigned Block, bool Wanted) {
    if (!Wanted)
      return Stream.SkipBlock();
    if (Error E = Stream.EnterSubBlock(Block))
      return E;
    return findIn(Block);
  }

  Error findIn(unsigned Block) {
    while (true) {
      Expected<BitstreamEntry> Entry = Stream.advance();
      if (!Entry)
        return Entry.takeError();
      switch (Entry->Kind) {
      case BitstreamEntry::Error:
        return malformed();
      case BitstreamEntry::EndBlock:
        return Error::success();
      case BitstreamEntry::SubBlock:
        if (Error E = Entry->ID == bitc::BLOCKINFO_BLOCK_ID
                          ? readBlockInfo()
                          : enter(Entry->ID, holdsAssembly(Block, Entry->ID)))
          return E;
        break;
      case BitstreamEntry::Record:
        if (Error E = Block == bitc::FUNCTION_BLOCK_ID ? Stream.skipRecord(Entry->ID).takeError()
                                                       : readRecord(Block, Entry->ID))
          return E;
        break;
      }
    }
  }

  Error readBlockInfo() {
    Expected<std::optional<BitstreamBlockInfo>> Info = Stream.ReadBlockInfoBlock();
    if (!Info)
      return Info.takeError();
    if (!*Info)
      return malformed();
    BlockInfo = std::move(**Info);
    return Error::success();
  }

  static bool isAssembly(unsigned Block, unsigned Code) {
    if (Block == bitc::MODULE_BLOCK_ID)
      return Code == bitc::MODULE_CODE_ASM;
    return Code == bitc::CST_CODE_INLINEASM || Code == bitc::CST_CODE_INLINEASM_OLD ||
           Code == bitc::CST_CODE_INLINEASM_OLD2 || Code == bitc::CST_CODE_INLINEASM_OLD3;
  }

  Error readRecord(unsigned Block, unsigned Abbreviation) {
    Record.clear();
    Expected<unsigned> Code = Stream.readRecord(Abbreviation, Record);
    if (!Code)
      return Code.takeError();
    if (!isAssembly(Block, *Code))
      return Error::success();
    // Characters among a few numbers, whose place depends on the record's age and need not be known.
    std::string Text(Record.begin(), Record.end());
    if (StringRef(Text).contains_insensitive(".inc"))
      Texts.push_back(text(Text));
    return Error::success();
  }

  BitstreamBlockInfo BlockInfo;
  BitstreamCursor Stream;
  SmallVector<uint64_t, 64> Record;
  rust::Vec<rust::String> &Texts;
};

} // namespace

rust::Vec<rust::String> BitcodeModule::assembly(rust::String &Error) const {
  rust::Vec<rust::String> Texts;
  GuardOutcome Guard = runGuarded([&] {
    Expected<std::vector<llvm::BitcodeModule>> Modules = getBitcodeModuleList(Buffer);
    if (!Modules) {
      Error = text(toString(Modules.takeError()));
      return;
    }
    for (const llvm::BitcodeModule &Module : *Modules)
      if (llvm::Error E = AssemblyFinder(Module.getBuffer(), Texts).find())
        Error = text(toString(std::move(E)));
  });
  if (!Guard.Error.empty())
    Error = text(Guard.Error);
  return Texts;
}

} // namespace thinfarm
