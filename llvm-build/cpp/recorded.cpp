// What a module remembers of how it was made: command lines, directory, source, target.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "names.h"
#include "read_record.h"

#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace thinfarm {

static uint32_t flagValue(const Module &M, StringRef Flag) {
  auto *Value = mdconst::extract_or_null<ConstantInt>(M.getModuleFlag(Flag));
  return Value ? static_cast<uint32_t>(Value->getZExtValue()) : 0;
}

// `!llvm.commandline`: nodes of one string each.
static void readCommandLines(const Module &M, rust::Vec<rust::String> &Texts) {
  if (const NamedMDNode *Nodes = M.getNamedMetadata("llvm.commandline"))
    for (const MDNode *Node : Nodes->operands())
      if (auto *Text = Node->getNumOperands() ? dyn_cast<MDString>(Node->getOperand(0)) : nullptr)
        Texts.push_back(text(Text->getString()));
}

// What `-fembed-bitcode=marker` keeps: the cc1 arguments, each ended by a NUL.
static void readEmbeddedCc1(const Module &M, rust::Vec<rust::String> &Cc1) {
  const GlobalVariable *Variable = M.getGlobalVariable("llvm.cmdline", /*AllowInternal=*/true);
  if (!Variable || !Variable->hasInitializer())
    return;
  auto *Data = dyn_cast<ConstantDataArray>(Variable->getInitializer());
  if (!Data || !Data->isString())
    return;
  StringRef Rest = Data->getAsString();
  while (!Rest.empty()) {
    auto [Argument, Tail] = Rest.split('\0');
    Cc1.push_back(text(Argument));
    Rest = Tail;
  }
}

static void readCompileUnits(const Module &M, ModuleRecord &Record) {
  for (const DICompileUnit *Unit : M.debug_compile_units()) {
    if (!Unit->getFlags().empty())
      Record.debug_flags.push_back(text(Unit->getFlags()));
    if (Record.directory.empty())
      Record.directory = text(Unit->getDirectory());
  }
}

static void readFunctions(const Module &M, ModuleRecord &Record) {
  bool AllMin = true, AllSmall = true, Any = false;
  for (const Function &F : M) {
    if (F.isDeclaration())
      continue;
    if (!Any) {
      Record.target_cpu = text(F.getFnAttribute("target-cpu").getValueAsString());
      Record.target_features = text(F.getFnAttribute("target-features").getValueAsString());
    }
    Any = true;
    AllMin &= F.hasMinSize();
    AllSmall &= F.hasFnAttribute(Attribute::OptimizeForSize) || F.hasMinSize();
  }
  Record.size_level = !Any ? 0 : AllMin ? 2 : AllSmall ? 1 : 0;
}

// Brings `Stream`, which is at the beginning of a module's bitcode, into the block of the metadata that the module has
// before its functions. Returns the words of the block, 0 if there is none. What cannot be read is for LLVM's reader to
// tell.
static Expected<unsigned> enterMetadata(BitstreamCursor &Stream, BitstreamBlockInfo &Abbreviations) {
  Stream.setBlockInfo(&Abbreviations);
  while (!Stream.AtEndOfStream()) {
    Expected<BitstreamEntry> Entry = Stream.advance();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::Record) {
      if (Expected<unsigned> Code = Stream.skipRecord(Entry->ID); !Code)
        return Code.takeError();
    } else if (Entry->Kind != BitstreamEntry::SubBlock) {
      break;
    } else if (Entry->ID == bitc::METADATA_BLOCK_ID) {
      unsigned Words = 0;
      if (Error E = Stream.EnterSubBlock(Entry->ID, &Words))
        return std::move(E);
      return Words;
    } else if (Entry->ID == bitc::BLOCKINFO_BLOCK_ID) {
      Expected<std::optional<BitstreamBlockInfo>> Info = Stream.ReadBlockInfoBlock();
      if (!Info)
        return Info.takeError();
      if (!*Info)
        break;
      Abbreviations = std::move(**Info);
    } else if (Error E = Entry->ID == bitc::MODULE_BLOCK_ID ? Stream.EnterSubBlock(Entry->ID)
                                                            : Stream.SkipBlock()) {
      return std::move(E);
    }
  }
  return 0;
}

static Expected<BlockOfBits> metadataOf(StringRef Bitcode) {
  BitstreamBlockInfo Abbreviations;
  BitstreamCursor Stream(Bitcode);
  Expected<unsigned> Words = enterMetadata(Stream, Abbreviations);
  if (!Words)
    return Words.takeError();
  if (*Words == 0)
    return BlockOfBits();
  const uint64_t Begin = Stream.GetCurrentBitNo();
  return BlockOfBits{Stream.getBitcodeBytes().data(), Begin, Begin + uint64_t(*Words) * 32};
}

// Whether the metadata has a command line: nodes of one, or a compile unit with flags.
//
// LLVM writes strings and constants, then the nodes that are distinct, as compile units are, then all others, and names
// last (`ValueEnumerator::organizeMetadata` and `ModuleBitcodeWriter::writeModuleMetadata`). So the others can be left
// out where the block says where its index is; were units among them, they would be missing in the end.
static Expected<bool> hasCommandLine(StringRef Bitcode) {
  BitstreamBlockInfo Abbreviations;
  BitstreamCursor Stream(Bitcode);
  Expected<unsigned> Words = enterMetadata(Stream, Abbreviations);
  if (!Words)
    return Words.takeError();
  if (*Words == 0)
    return false;
  constexpr unsigned FlagsOfUnit = 5;
  SmallVector<uint64_t, 64> Record;
  SmallString<32> Name;
  uint64_t Index = 0;
  size_t Units = 0, Named = 0;
  while (true) {
    Expected<BitstreamEntry> Entry = Stream.advanceSkippingSubblocks();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::EndBlock)
      return Named > Units;
    if (Entry->Kind == BitstreamEntry::Error)
      return createStringError("the metadata is malformed");
    Record.clear();
    StringRef Blob;
    Expected<unsigned> Code = Stream.readRecord(Entry->ID, Record, &Blob);
    if (!Code)
      return Code.takeError();
    switch (*Code) {
    case bitc::METADATA_INDEX_OFFSET:
      if (Record.size() == 2)
        Index = Stream.GetCurrentBitNo() + (Record[0] | Record[1] << 32);
      break;
    case bitc::METADATA_COMPILE_UNIT:
      if (Record.size() <= FlagsOfUnit || Record[FlagsOfUnit] != 0)
        return true;
      ++Units;
      break;
    case bitc::METADATA_NAME:
      Name.assign(Record.begin(), Record.end());
      if (Name == "llvm.commandline")
        return true;
      break;
    case bitc::METADATA_NAMED_NODE:
      if (Name == "llvm.dbg.cu")
        Named += Record.size();
      break;
    case bitc::METADATA_NODE:
      if (Index != 0)
        if (Error E = Stream.JumpToBit(std::exchange(Index, 0)))
          return std::move(E);
      break;
    default:
      break;
    }
  }
}

bool BitcodeModule::may_keep_command_line() const {
  if (!Thin)
    return false;
  bool Result = true;
  runGuarded([&] {
    // An older module has the names of its symbols elsewhere.
    StringRef Symbols = Thin->getStrtab();
    if (Symbols.empty() || Symbols.contains("llvm.cmdline"))
      return;
    Expected<bool> Has = hasCommandLine(Thin->getBuffer());
    // LLVM's reader will tell what is wrong.
    if (Has)
      Result = *Has;
    else
      consumeError(Has.takeError());
  });
  return Result;
}

ModuleRecord BitcodeModule::record(rust::String &Error) const {
  ModuleRecord Record{};
  if (!Thin)
    return Record;
  auto Context = std::make_unique<LLVMContext>();
  // Out here, where it also ends after a crash.
  BriefMetadata Brief({});
  GuardOutcome Guard = runGuarded([&] {
    Expected<BlockOfBits> Metadata = metadataOf(Thin->getBuffer());
    if (!Metadata) {
      Error = text(toString(Metadata.takeError()));
      return;
    }
    BriefMetadata::Current = *Metadata;
    // As for an import: metadata is read where it is asked for only.
    Expected<std::unique_ptr<Module>> Loaded =
        llvm::BitcodeModule(*Thin).getLazyModule(*Context, /*ShouldLazyLoadMetadata=*/true,
                                                 /*IsImporting=*/true);
    if (!Loaded) {
      Error = text(toString(Loaded.takeError()));
      return;
    }
    Module &M = **Loaded;
    if (llvm::Error E = M.materializeMetadata()) {
      Error = text(toString(std::move(E)));
      return;
    }
    Record.source_file = text(M.getSourceFileName());
    readCommandLines(M, Record.command_lines);
    readEmbeddedCc1(M, Record.embedded_cc1);
    readCompileUnits(M, Record);
    readFunctions(M, Record);
    Record.pic_level = flagValue(M, "PIC Level");
    Record.pie_level = flagValue(M, "PIE Level");
    if (std::optional<CodeModel::Model> Model = M.getCodeModel())
      Record.code_model = text(word(CodeModels, *Model));
  });
  if (!Guard.Error.empty()) {
    Error = text(Guard.Error);
    // After a crash it is in an unknown state.
    (void)Context.release();
  }
  return Record;
}

} // namespace thinfarm
