#include "replaced.h"

#include "asm_registers.h"
#include "guard.h"
#include "originals.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/CodeGen/TargetLowering.h"
#include "llvm/CodeGen/TargetRegisterInfo.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Pass.h"
#include "llvm/PassInfo.h"
#include "llvm/PassRegistry.h"
#include "llvm/Target/TargetMachine.h"

#include <random>

using namespace llvm;

namespace thinfarm {

static constexpr size_t Enough = 10;

namespace {

class Differences {
public:
  explicit Differences(uint64_t &Compared) : Compared(Compared) {}

  template <typename T> void compare(const T &Ours, const T &Original, const Twine &What) {
    ++Compared;
    if (!(Ours == Original))
      tell(What);
  }
  void tell(const Twine &What) {
    if (Texts.size() < Enough)
      Texts.push_back(rust::String::lossy(What.str()));
  }
  rust::Vec<rust::String> take() { return std::move(Texts); }

private:
  uint64_t &Compared;
  rust::Vec<rust::String> Texts;
};

class Random {
public:
  explicit Random(uint64_t Seed) : Engine(Seed) {}
  size_t below(size_t End) { return End ? Engine() % End : 0; }
  bool oneIn(size_t Number) { return below(Number) == 0; }

private:
  std::mt19937_64 Engine;
};

} // namespace

// --- Records

namespace {

// All that a reading of a record comes to.
struct ReadRecord {
  unsigned Code = 0;
  SmallVector<uint64_t, 0> Values;
  StringRef Blob;
  uint64_t End = 0;
  std::string Error;

  bool operator==(const ReadRecord &Other) const {
    return Code == Other.Code && Values == Other.Values && Blob.data() == Other.Blob.data() &&
           Blob.size() == Other.Blob.size() && End == Other.End && Error == Other.Error;
  }
};

class RecordComparison {
public:
  RecordComparison(StringRef Bitcode, Differences &Found) : Stream(Bitcode), Found(Found) {
    Stream.setBlockInfo(&Abbreviations);
  }

  void run() {
    if (Expected<uint32_t> Magic = Stream.Read(32); !Magic)
      return consumeError(Magic.takeError());
    unsigned Depth = 0;
    while (!Stream.AtEndOfStream()) {
      Expected<BitstreamEntry> Entry = Stream.advance();
      if (!Entry)
        return consumeError(Entry.takeError());
      switch (Entry->Kind) {
      case BitstreamEntry::Error:
        return;
      case BitstreamEntry::EndBlock:
        if (Depth-- == 0)
          return;
        break;
      case BitstreamEntry::SubBlock:
        if (!enter(Entry->ID, Depth))
          return;
        break;
      case BitstreamEntry::Record:
        if (!compare(Entry->ID))
          return;
        break;
      }
    }
  }

private:
  bool enter(unsigned Block, unsigned &Depth) {
    if (Block == bitc::BLOCKINFO_BLOCK_ID) {
      Expected<std::optional<BitstreamBlockInfo>> Info = Stream.ReadBlockInfoBlock();
      if (!Info) {
        consumeError(Info.takeError());
        return false;
      }
      if (*Info)
        Abbreviations = std::move(**Info);
      return Info->has_value();
    }
    ++Depth;
    if (Error E = Stream.EnterSubBlock(Block)) {
      consumeError(std::move(E));
      return false;
    }
    return true;
  }

  // Whether there may be more records.
  bool compare(unsigned Abbreviation) {
    auto Read = [&](auto Call) {
      BitstreamCursor Cursor = Stream;
      ReadRecord Result;
      // What was there before is to stay.
      Result.Values.push_back(7);
      GuardOutcome Guard = runGuarded([&] {
        Expected<unsigned> Code = Call(Cursor, Result.Values, &Result.Blob);
        if (Code)
          Result.Code = *Code;
        else
          Result.Error = toString(Code.takeError());
      });
      if (!Guard.Error.empty())
        Result.Error = Guard.Error;
      if (Result.Error.empty())
        Result.End = Cursor.GetCurrentBitNo();
      else
        // Neither means anything after an error.
        Result.Values.clear();
      return Result;
    };
    ReadRecord Ours = Read([&](BitstreamCursor &Cursor, auto &Values, StringRef *Blob) {
      return Cursor.readRecord(Abbreviation, Values, Blob);
    });
    ReadRecord Theirs = Read([&](BitstreamCursor &Cursor, auto &Values, StringRef *Blob) {
      return original::readRecord(&Cursor, Abbreviation, Values, Blob);
    });
    Found.compare(Ours, Theirs,
                  "the record of abbreviation " + Twine(Abbreviation) + " at bit " +
                      Twine(Stream.GetCurrentBitNo()) + ": \"" + Ours.Error + "\", LLVM: \"" +
                      Theirs.Error + "\"");
    if (!Theirs.Error.empty())
      return false;
    if (Error E = Stream.JumpToBit(Theirs.End)) {
      consumeError(std::move(E));
      return false;
    }
    return true;
  }

  BitstreamBlockInfo Abbreviations;
  BitstreamCursor Stream;
  Differences &Found;
};

} // namespace

rust::Vec<rust::String> differences_in_records(rust::Slice<const uint8_t> Bitcode, uint64_t &Compared) {
  Differences Found(Compared);
  StringRef Bytes(reinterpret_cast<const char *>(Bitcode.data()), Bitcode.size());
  // What else LLVM makes of malformed bytes is not ours.
  runGuarded([&] { RecordComparison(Bytes, Found).run(); });
  return Found.take();
}

// --- Passes

static_assert(
    IsOriginal<decltype(original::registerPass), decltype(&PassRegistry::registerPass)>);
static_assert(
    IsOriginal<decltype(original::enumerateWith), decltype(&PassRegistry::enumerateWith)>);
static_assert(
    IsOriginal<decltype(original::setPreservesCFG), decltype(&AnalysisUsage::setPreservesCFG)>);

namespace {

struct Enumeration : PassRegistrationListener {
  void passEnumerate(const PassInfo *Pass) override {
    Count += Passes.insert(Pass).second ? 1 : 2;
  }
  DenseSet<const PassInfo *> Passes;
  size_t Count = 0;
};

} // namespace

rust::Vec<rust::String> differences_of_passes(uint64_t &Compared) {
  Differences Found(Compared);
  PassRegistry &Ours = *PassRegistry::getPassRegistry();
  Enumeration All;
  Ours.enumerateWith(&All);

  // A registry of LLVM's, of the same passes.
  PassRegistry Theirs;
  for (const PassInfo *Pass : All.Passes)
    original::registerPass(&Theirs, *Pass, /*ShouldFree=*/false);
  Enumeration AllOfTheirs;
  original::enumerateWith(&Theirs, &AllOfTheirs);
  Found.compare(All.Passes, AllOfTheirs.Passes, "the passes");
  Found.compare(All.Count, AllOfTheirs.Count, "their number");

  for (const PassInfo *Pass : All.Passes) {
    Found.compare(Ours.getPassInfo(Pass->getTypeInfo()),
                  original::getPassInfo(&Theirs, Pass->getTypeInfo()), Pass->getPassName());
    if (!Pass->getPassArgument().empty())
      Found.compare(Ours.getPassInfo(Pass->getPassArgument()),
                    original::getPassInfo(&Theirs, Pass->getPassArgument()), Pass->getPassArgument());
    const void *Nothing = Pass;
    Found.compare(Ours.getPassInfo(Nothing), original::getPassInfo(&Theirs, Nothing), "no pass");
  }
  Found.compare(Ours.getPassInfo("no-such-pass"), original::getPassInfo(&Theirs, "no-such-pass"),
                "no pass");

  AnalysisUsage OurUsage, TheirUsage;
  OurUsage.setPreservesCFG();
  // It asks the registry of the process, which is ours.
  original::setPreservesCFG(&TheirUsage);
  auto Sorted = [](const AnalysisUsage &Usage) {
    SmallVector<AnalysisID, 64> Ids(Usage.getPreservedSet().begin(), Usage.getPreservedSet().end());
    llvm::sort(Ids);
    return Ids;
  };
  Found.compare(Sorted(OurUsage), Sorted(TheirUsage), "the passes that look at control flow only");
  return Found.take();
}

// --- Processors

namespace {

// `InitMCProcessorInfo` is protected.
struct OpenSubtarget : MCSubtargetInfo {
  using MCSubtargetInfo::InitMCProcessorInfo;
};
constexpr auto InitMCProcessorInfo = &OpenSubtarget::InitMCProcessorInfo;

} // namespace

static_assert(IsOriginal<decltype(original::initMCProcessorInfo),
                         std::remove_const_t<decltype(InitMCProcessorInfo)>>);

static Triple tripleOf(const Target &Of) {
  Triple Result;
  Result.setArch(Triple::getArchTypeForLLVMName(Of.getName()));
  return Result;
}

static std::string someFeatures(ArrayRef<SubtargetFeatureKV> Table, Random &Draw) {
  std::string Features;
  for (size_t Count = Draw.below(6); Count > 0 && !Table.empty(); --Count) {
    if (!Features.empty())
      Features += ',';
    Features += Draw.oneIn(2) ? '+' : '-';
    Features += Table[Draw.below(Table.size())].Key;
    if (Draw.oneIn(200))
      // LLVM says that it does not know it.
      Features += '?';
    if (Draw.oneIn(20))
      Features += ',';
  }
  return Features;
}

static void compareProcessors(const Target &Of, Random &Draw, uint64_t Rounds, Differences &Found) {
  auto Create = [&] {
    return std::unique_ptr<MCSubtargetInfo>(Of.createMCSubtargetInfo(tripleOf(Of), "", ""));
  };
  std::unique_ptr<MCSubtargetInfo> Ours = Create(), Theirs = Create();
  if (!Ours)
    return;
  ArrayRef<SubtargetSubTypeKV> Processors = Ours->getAllProcessorDescriptions();
  auto SomeProcessor = [&]() -> StringRef {
    return Processors.empty() || Draw.oneIn(8) ? "" : Processors[Draw.below(Processors.size())].Key;
  };
  for (uint64_t Round = 0; Round < Rounds; ++Round) {
    StringRef Cpu = SomeProcessor(), Tune = Draw.oneIn(4) ? SomeProcessor() : Cpu;
    std::string Features = someFeatures(Ours->getAllProcessorFeatures(), Draw);
    original::initMCProcessorInfo(Theirs.get(), Cpu, Tune, Features);
    // The second time it is remembered.
    for (int Time : {1, 2}) {
      (Ours.get()->*InitMCProcessorInfo)(Cpu, Tune, Features);
      const std::string What = (Twine(Of.getName()) + " " + Cpu + " " + Tune + " " + Features +
                                ", time " + Twine(Time))
                                   .str();
      Found.compare(Ours->getFeatureBits(), Theirs->getFeatureBits(), What);
      Found.compare(Ours->getFeatureString(), Theirs->getFeatureString(), What);
      Found.compare(&Ours->getSchedModel(), &Theirs->getSchedModel(), What);
    }
  }
}

rust::Vec<rust::String> differences_of_processors(uint64_t Seed, uint64_t Rounds, uint64_t &Compared) {
  Differences Found(Compared);
  Random Draw(Seed);
  for (const Target &Of : TargetRegistry::targets())
    compareProcessors(Of, Draw, Rounds, Found);
  return Found.take();
}

// --- Registers of inline assembly

static std::string someConstraint(const TargetRegisterInfo &Registers, Random &Draw) {
  static constexpr StringLiteral Odd[] = {"", "r", "{}", "{", "}", "{nosuch}", "m", "{memory}", "{flags}"};
  if (Draw.oneIn(8))
    return Odd[Draw.below(std::size(Odd))].str();
  StringRef Name = Registers.getRegAsmName(MCRegister(1 + Draw.below(Registers.getNumRegs() - 1)));
  std::string Text = ("{" + Name + "}").str();
  switch (Draw.below(8)) {
  case 0:
    return StringRef(Text).upper();
  case 1:
    Text.erase(Draw.below(Text.size()), 1);
    return Text;
  case 2:
    Text.insert(Draw.below(Text.size()), 1, '1');
    return Text;
  default:
    return Text;
  }
}

static void compareAsmRegisters(const Target &Of, Random &Draw, uint64_t Rounds, Differences &Found) {
  const Triple TT = tripleOf(Of);
  std::unique_ptr<TargetMachine> Machine(
      Of.createTargetMachine(TT, "", "", TargetOptions(), std::nullopt));
  if (!Machine)
    return;
  LLVMContext Context;
  Module M("registers", Context);
  M.setTargetTriple(TT);
  M.setDataLayout(Machine->createDataLayout());
  auto *F = Function::Create(FunctionType::get(Type::getVoidTy(Context), false),
                             GlobalValue::ExternalLinkage, "f", M);
  const TargetSubtargetInfo *Subtarget = Machine->getSubtargetImpl(*F);
  const TargetLowering *Lowering = Subtarget ? Subtarget->getTargetLowering() : nullptr;
  const TargetRegisterInfo *Registers = Subtarget ? Subtarget->getRegisterInfo() : nullptr;
  if (!Lowering || !Registers || Registers->getNumRegs() < 2)
    return;
  AsmRegisters Memory;
  for (uint64_t Round = 0; Round < Rounds; ++Round) {
    std::string Constraint = someConstraint(*Registers, Draw);
    MVT Type = Draw.oneIn(4) ? MVT(MVT::Other)
                             : MVT(MVT::SimpleValueType(1 + Draw.below(MVT::VALUETYPE_SIZE - 1)));
    auto Theirs =
        original::getRegForInlineAsmConstraint(Lowering, Registers, Constraint, Type);
    for (int Time : {1, 2})
      Found.compare(
          Lowering->TargetLowering::getRegForInlineAsmConstraint(Registers, Constraint, Type), Theirs,
          Twine(Of.getName()) + " " + Constraint + ", time " + Twine(Time));
  }
}

rust::Vec<rust::String> differences_of_asm_registers(uint64_t Seed, uint64_t Rounds,
                                                     uint64_t &Compared) {
  Differences Found(Compared);
  Random Draw(Seed);
  for (const Target &Of : TargetRegistry::targets())
    // Some targets have no machine without a processor, and say so to nobody who could answer.
    runGuarded([&] { compareAsmRegisters(Of, Draw, Rounds, Found); });
  return Found.take();
}

} // namespace thinfarm
