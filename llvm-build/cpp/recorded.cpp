// What a module remembers of how it was made: command lines, directory, source, target.

#include "bitstream.h"
#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "names.h"
#include "read_record.h"

#include "llvm/Bitcode/LLVMBitCodes.h"
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

namespace {

// Finds the block of the metadata of a module, before its functions.
class MetadataFinder : public BitstreamWalk {
public:
  explicit MetadataFinder(StringRef Bitcode) : BitstreamWalk(Bitcode, "bitcode") {}

  BlockOfBits Found;

private:
  bool enters(unsigned Block, unsigned Parent) override {
    return (Block == bitc::MODULE_BLOCK_ID && Parent == Outside) ||
           (Block == bitc::METADATA_BLOCK_ID && Parent == bitc::MODULE_BLOCK_ID);
  }
  void begin(unsigned Block, uint64_t Words) override {
    if (Block != bitc::METADATA_BLOCK_ID)
      return;
    const uint64_t Begin = stream().GetCurrentBitNo();
    Found = {stream().getBitcodeBytes().data(), Begin, Begin + Words * 32};
    stop();
  }
  bool reads(unsigned) const override { return false; }
  Error record(unsigned, unsigned, ArrayRef<uint64_t>, StringRef) override {
    return Error::success();
  }
};

// Whether the metadata has a command line: nodes of one, or a compile unit with flags.
//
// LLVM writes strings and constants, then the nodes that are distinct, as compile units are, then all others, and names
// last (`ValueEnumerator::organizeMetadata` and `ModuleBitcodeWriter::writeModuleMetadata`). So what follows the first unit,
// or else the others, can be left out where the block says where its index is, behind which only names follow. Were units
// among what is left out, they would be missing in the end.
class CommandFinder : public BitstreamWalk {
public:
  explicit CommandFinder(StringRef Bitcode) : BitstreamWalk(Bitcode, "bitcode") {}

  // To be asked after the walk.
  bool mayHaveCommand() const { return Found || NamedUnits > Units; }

private:
  bool enters(unsigned Block, unsigned Parent) override {
    return (Block == bitc::MODULE_BLOCK_ID && Parent == Outside) ||
           (Block == bitc::METADATA_BLOCK_ID && Parent == bitc::MODULE_BLOCK_ID);
  }
  void end(unsigned Block) override {
    if (Block == bitc::METADATA_BLOCK_ID)
      stop();
  }
  bool reads(unsigned Block) const override { return Block == bitc::METADATA_BLOCK_ID; }
  Error record(unsigned, unsigned Code, ArrayRef<uint64_t> Operands, StringRef) override {
    constexpr unsigned FlagsOfUnit = 5;
    switch (Code) {
    case bitc::METADATA_INDEX_OFFSET:
      if (Operands.size() == 2)
        Index = stream().GetCurrentBitNo() + (Operands[0] | Operands[1] << 32);
      break;
    case bitc::METADATA_COMPILE_UNIT:
      ++Units;
      if (Operands.size() > FlagsOfUnit && Operands[FlagsOfUnit] == 0)
        return leaveOutNodes();
      find();
      break;
    case bitc::METADATA_NODE:
      return leaveOutNodes();
    case bitc::METADATA_NAME:
      Name.assign(Operands.begin(), Operands.end());
      if (Name == "llvm.commandline")
        find();
      break;
    case bitc::METADATA_NAMED_NODE:
      if (Name == "llvm.dbg.cu")
        NamedUnits += Operands.size();
      break;
    default:
      break;
    }
    return Error::success();
  }
  // Only onwards, whatever a damaged module says.
  Error leaveOutNodes() {
    return Index > stream().GetCurrentBitNo() ? jump(Index) : Error::success();
  }
  void find() {
    Found = true;
    stop();
  }

  bool Found = false;
  size_t Units = 0, NamedUnits = 0;
  std::string Name;
  uint64_t Index = 0;
};

} // namespace

bool BitcodeModule::may_have_command() const {
  bool Result = true;
  runGuarded([&] {
    // Names of variables, which very old modules have elsewhere.
    if (!Thin || Thin->getStrtab().empty() || Thin->getStrtab().contains("llvm.cmdline"))
      return;
    CommandFinder Finder(Thin->getBuffer());
    if (Error E = Finder.walk())
      consumeError(std::move(E));
    else
      Result = Finder.mayHaveCommand();
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
    MetadataFinder Metadata(Thin->getBuffer());
    if (llvm::Error E = Metadata.walk()) {
      Error = text(toString(std::move(E)));
      return;
    }
    BriefMetadata::Current = Metadata.Found;
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
