// What an index says, whatever its modules are called.
//
// A module id is a path, and what a backend does with it is to find the module, to know its own from the others, and
// to import in the order of the ids (`FunctionImporter::importFunctions`). So each id counts as its rank. Everything
// else counts as it stands, record by record, known or not; only how the bits are packed does not.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "module_ids.h"

#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Support/BLAKE3.h"

using namespace llvm;

namespace thinfarm {

namespace {

class IndexWalk {
public:
  explicit IndexWalk(StringRef Bitcode) : Stream(Bitcode) { Stream.setBlockInfo(&BlockInfo); }

  Error walk() {
    Expected<SimpleBitstreamCursor::word_t> Magic = Stream.Read(32);
    if (!Magic)
      return Magic.takeError();
    if (*Magic != 0xdec04342)
      return malformed();
    while (!Stream.AtEndOfStream()) {
      Expected<BitstreamEntry> Entry = Stream.advance();
      if (!Entry)
        return Entry.takeError();
      if (Entry->Kind != BitstreamEntry::SubBlock)
        return malformed();
      if (Error E = block(Entry->ID, 0))
        return E;
    }
    return Error::success();
  }

  // To be asked once, after the walk.
  IndexMeaning meaning(StringRef Own) {
    SmallVector<StringRef> Ranked(Ids.begin(), Ids.end());
    llvm::sort(Ranked);
    Ranked.erase(llvm::unique(Ranked), Ranked.end());
    for (StringRef Id : Ids)
      Meaning.push_back(llvm::lower_bound(Ranked, Id) - Ranked.begin());
    Meaning.push_back(llvm::find(Ranked, Own) - Ranked.begin());

    IndexMeaning Result;
    auto Hash = BLAKE3::hash(ArrayRef(reinterpret_cast<const uint8_t *>(Meaning.data()),
                                      Meaning.size() * sizeof(uint64_t)));
    llvm::copy(Hash, Result.hash.begin());
    for (StringRef Id : Ranked)
      Result.modules.push_back(text(Id));
    return Result;
  }

private:
  // Blocks within blocks that no index has so deep.
  static constexpr unsigned Deepest = 8;

  enum Mark : uint64_t { BlockBegins, RecordFollows, BlockEnds };

  static Error malformed() {
    return createStringError(std::errc::illegal_byte_sequence, "malformed index");
  }

  Error block(unsigned Id, unsigned Depth) {
    if (Id == bitc::BLOCKINFO_BLOCK_ID)
      return readBlockInfo();
    if (Depth > Deepest)
      return malformed();
    if (Error E = Stream.EnterSubBlock(Id))
      return E;
    put({BlockBegins, Id});
    while (true) {
      Expected<BitstreamEntry> Entry = Stream.advance();
      if (!Entry)
        return Entry.takeError();
      switch (Entry->Kind) {
      case BitstreamEntry::Error:
        return malformed();
      case BitstreamEntry::EndBlock:
        put({BlockEnds});
        return Error::success();
      case BitstreamEntry::SubBlock:
        if (Error E = block(Entry->ID, Depth + 1))
          return E;
        break;
      case BitstreamEntry::Record:
        if (Error E = record(Id, Entry->ID))
          return E;
        break;
      }
    }
  }

  // Abbreviations: how bits are packed.
  Error readBlockInfo() {
    Expected<std::optional<BitstreamBlockInfo>> Info = Stream.ReadBlockInfoBlock();
    if (!Info)
      return Info.takeError();
    if (!*Info)
      return malformed();
    BlockInfo = std::move(**Info);
    return Error::success();
  }

  Error record(unsigned Block, unsigned Abbreviation) {
    Record.clear();
    StringRef Blob;
    Expected<unsigned> Code = Stream.readRecord(Abbreviation, Record, &Blob);
    if (!Code)
      return Code.takeError();
    if (Block == bitc::MODULE_STRTAB_BLOCK_ID && *Code == bitc::MST_CODE_ENTRY) {
      if (Record.empty())
        return malformed();
      // Its number stays here; its rank is known when all are.
      Ids.push_back(idOutsideIndex(std::string(Record.begin() + 1, Record.end())));
      Record.resize(1);
    }
    put({RecordFollows, *Code, Record.size(), Blob.size()});
    Meaning.append(Record.begin(), Record.end());
    for (unsigned char Byte : Blob)
      Meaning.push_back(Byte);
    return Error::success();
  }

  void put(std::initializer_list<uint64_t> Values) { Meaning.append(Values); }

  BitstreamBlockInfo BlockInfo;
  BitstreamCursor Stream;
  SmallVector<uint64_t, 64> Record;
  std::vector<std::string> Ids;
  SmallVector<uint64_t, 0> Meaning;
};

} // namespace

IndexMeaning index_meaning(rust::Slice<const uint8_t> Bytes, rust::Str ModuleId) {
  IndexMeaning Result;
  GuardOutcome Guard = runGuarded([&] {
    IndexWalk Walk({reinterpret_cast<const char *>(Bytes.data()), Bytes.size()});
    if (Error E = Walk.walk())
      Result.error = text(toString(std::move(E)));
    else
      Result = Walk.meaning(ref(ModuleId));
  });
  if (!Guard.Error.empty())
    Result.error = text(Guard.Error);
  return Result;
}

} // namespace thinfarm
