// What an index says, without building it.

#include "bitstream.h"
#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "module_ids.h"

#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Support/BLAKE3.h"

#include <map>

using namespace llvm;

namespace thinfarm {

namespace {

// Error has what is wrong with the walk.
template <typename Walk> Error walkIndex(StringRef Bytes, function_ref<void(Walk &)> Then) {
  constexpr StringLiteral Magic("BC\xC0\xDE");
  if (!Bytes.starts_with(Magic))
    return createStringError(std::errc::illegal_byte_sequence, "no index");
  Walk TheWalk(Bytes.drop_front(Magic.size()));
  if (Error E = TheWalk.walk())
    return E;
  Then(TheWalk);
  return Error::success();
}

// The module id of a record of the table of modules, behind its number.
std::string idOf(ArrayRef<uint64_t> Operands) {
  return idOutsideIndex(std::string(Operands.begin() + 1, Operands.end()));
}

// A module id is a path, and what a backend does with it is to find the module, to know its own from the others, and
// to import in the order of the ids (`FunctionImporter::importFunctions`). So each id counts as its rank. Everything
// else counts as it stands, record by record, known or not; only how the bits are packed does not.
class MeaningWalk : public BitstreamWalk {
public:
  explicit MeaningWalk(StringRef Bits) : BitstreamWalk(Bits, "index") {}

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
  enum Mark : uint64_t { BlockBegins, RecordFollows, BlockEnds };

  bool enters(unsigned, unsigned) override { return true; }
  void begin(unsigned Block, uint64_t) override { put({BlockBegins, Block}); }
  void end(unsigned) override { put({BlockEnds}); }

  Error record(unsigned Block, unsigned Code, ArrayRef<uint64_t> Operands,
               StringRef Blob) override {
    if (Block == bitc::MODULE_STRTAB_BLOCK_ID && Code == bitc::MST_CODE_ENTRY) {
      if (Operands.empty())
        return malformed();
      // Its number stays here; its rank is known when all are.
      Ids.push_back(idOf(Operands));
      Operands = Operands.take_front();
    }
    put({RecordFollows, Code, Operands.size(), Blob.size()});
    Meaning.append(Operands.begin(), Operands.end());
    for (unsigned char Byte : Blob)
      Meaning.push_back(Byte);
    return Error::success();
  }

  void put(std::initializer_list<uint64_t> Values) { Meaning.append(Values); }

  std::vector<std::string> Ids;
  SmallVector<uint64_t, 0> Meaning;
};

// The same as `SummaryIndex::imports`. `ModuleSummaryIndexBitcodeReader::parseEntireSummary` has the operands.
class ImportsWalk : public BitstreamWalk {
public:
  explicit ImportsWalk(StringRef Bits) : BitstreamWalk(Bits, "index") {}

  // To be asked once, after the walk: modules may be named behind what is in them.
  Imports imports(StringRef Own) {
    Imports Result;
    Result.skip = Skip;
    std::vector<StringRef> Sources;
    for (const auto &[Number, Counts] : Modules) {
      StringRef Id = Ids[Number];
      const bool IsOwn = Id == Own;
      Result.instructions += IsOwn ? Counts.Instructions : Counts.ImportedInstructions;
      if (IsOwn)
        continue;
      Result.functions += Counts.ImportedFunctions;
      Sources.push_back(Id);
    }
    llvm::sort(Sources);
    Sources.erase(llvm::unique(Sources), Sources.end());
    for (StringRef Source : Sources)
      Result.sources.push_back(text(Source));
    return Result;
  }

private:
  struct Counts {
    uint64_t Instructions = 0, ImportedInstructions = 0;
    uint32_t ImportedFunctions = 0;
  };

  bool enters(unsigned Block, unsigned) override {
    return Block == bitc::MODULE_BLOCK_ID || reads(Block);
  }

  bool reads(unsigned Block) const override {
    return Block == bitc::MODULE_STRTAB_BLOCK_ID || Block == bitc::GLOBALVAL_SUMMARY_BLOCK_ID;
  }

  Error record(unsigned Block, unsigned Code, ArrayRef<uint64_t> Operands, StringRef) override {
    if (Block == bitc::MODULE_STRTAB_BLOCK_ID) {
      if (Code == bitc::MST_CODE_ENTRY) {
        if (Operands.empty())
          return malformed();
        Ids[Operands[0]] = idOf(Operands);
      }
      return Error::success();
    }
    switch (Code) {
    case bitc::FS_FLAGS:
      if (Operands.empty())
        return malformed();
      // `ModuleSummaryIndex::setFlags`.
      Skip = Operands[0] & 2;
      break;
    // As LLVM wrote it before version 18.
    case bitc::FS_COMBINED:
    case bitc::FS_COMBINED_PROFILE:
      if (Operands.size() < 4)
        return malformed();
      countFunction(Modules[Operands[1]], /*Flags=*/Operands[2], /*Instructions=*/Operands[3]);
      break;
    case bitc::FS_COMBINED_GLOBALVAR_INIT_REFS:
    case bitc::FS_COMBINED_ALIAS:
      if (Operands.size() < 2)
        return malformed();
      Modules[Operands[1]];
      break;
    default:
      break;
    }
    return Error::success();
  }

  static void countFunction(Counts &Module, uint64_t Flags, uint64_t Instructions) {
    Module.Instructions += Instructions;
    // The bit of `GVFlags::ImportType` (`getDecodedGVSummaryFlags`).
    if (Flags >> 10 & 1)
      return;
    Module.ImportedInstructions += Instructions;
    Module.ImportedFunctions += 1;
  }

  // By the number that the index gives a module.
  std::map<uint64_t, Counts> Modules;
  std::map<uint64_t, std::string> Ids;
  bool Skip = false;
};

} // namespace

IndexMeaning index_meaning(rust::Slice<const uint8_t> Bytes, rust::Str ModuleId) {
  IndexMeaning Result;
  GuardOutcome Guard = runGuarded([&] {
    if (Error E = walkIndex<MeaningWalk>(ref(Bytes), [&](MeaningWalk &Walk) {
          Result = Walk.meaning(ref(ModuleId));
        }))
      Result.error = text(toString(std::move(E)));
  });
  if (!Guard.Error.empty())
    Result.error = text(Guard.Error);
  return Result;
}

Imports index_imports(rust::Slice<const uint8_t> Bytes, rust::Str ModuleId, rust::String &Error) {
  Imports Result;
  GuardOutcome Guard = runGuarded([&] {
    if (llvm::Error E = walkIndex<ImportsWalk>(ref(Bytes), [&](ImportsWalk &Walk) {
          Result = Walk.imports(ref(ModuleId));
        }))
      Error = text(toString(std::move(E)));
  });
  if (!Guard.Error.empty())
    Error = text(Guard.Error);
  return Result;
}

} // namespace thinfarm
