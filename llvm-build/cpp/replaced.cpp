#include "replaced.h"

#include "asm_registers.h"
#include "comparison.h"
#include "guard.h"
#include "originals.h"

#include "llvm/ADT/DenseSet.h"
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

using namespace llvm;

namespace thinfarm {

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
    if (Draw.oneIn(2000))
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
    // The constructor asks by itself.
    std::unique_ptr<MCSubtargetInfo> Constructed;
    runGuarded([&] { Constructed.reset(Of.createMCSubtargetInfo(tripleOf(Of), Cpu, Features)); });
    if (Constructed) {
      original::initMCProcessorInfo(Theirs.get(), Constructed->getCPU(), Constructed->getTuneCPU(),
                                    Constructed->getFeatureString());
      // A target may have changed the features since, but not this.
      Found.compare(&Constructed->getSchedModel(), &Theirs->getSchedModel(),
                    Twine("constructed for ") + Of.getName() + " " + Cpu + " " + Features);
    }
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
