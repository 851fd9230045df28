// What a processor and its features mean, worked out once per thread.
//
// A job asks six times and more: for its functions, for its assembler, and again for each piece of inline assembly.
// LLVM goes through the table of all features for each feature that is off, and for each one that implies it;
// a kernel turns dozens off. The answer depends on static tables and these texts alone.
//
// A static link takes these definitions: LLVM's have other names there (build/link.rs). The constructor is here because LLVM's
// calls LLVM's function whatever its name. The shared library keeps its own.

#include "originals.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/TargetParser/SubtargetFeature.h"

using namespace llvm;

void thinfarm::linkProcessorFeatures() {}

namespace {

struct Processor {
  FeatureBitset Features;
  const MCSchedModel *Model;
};

// Functions can have options of their own, so there is no end to what may be asked.
constexpr unsigned MostProcessors = 256;

} // namespace

// What LLVM does not know, it says so on standard error, each time.
static bool isKnown(const MCSubtargetInfo &Target, StringRef Cpu) {
  return Cpu.empty() || Target.isCPUStringValid(Cpu);
}

static bool areKnown(ArrayRef<SubtargetFeatureKV> Table, StringRef Features) {
  return all_of(split(Features, ','), [&](StringRef Feature) {
    StringRef Name = SubtargetFeatures::StripFlag(Feature);
    const auto *Found = lower_bound(Table, Name);
    return Feature.empty() || (Found != Table.end() && Name == Found->Key);
  });
}

void MCSubtargetInfo::InitMCProcessorInfo(StringRef Cpu, StringRef TuneCpu, StringRef Features) {
  thread_local StringMap<Processor> Processors;
  const void *Tables[] = {ProcDesc.data(), ProcFeatures.data()};
  SmallString<512> Key(StringRef(reinterpret_cast<const char *>(Tables), sizeof(Tables)));
  for (StringRef Text : {Cpu, TuneCpu, Features}) {
    Key += Text;
    Key += '\0';
  }
  if (auto Known = Processors.find(Key); Known != Processors.end()) {
    FeatureBits = Known->second.Features;
    FeatureString = Features.str();
    CPUSchedModel = Known->second.Model;
    return;
  }
  setDefaultFeatures(Cpu, TuneCpu, Features);
  CPUSchedModel = TuneCpu.empty() ? &MCSchedModel::Default : &getSchedModelForCPU(TuneCpu);
  if (isKnown(*this, Cpu) && isKnown(*this, TuneCpu) && areKnown(ProcFeatures, Features)) {
    if (Processors.size() == MostProcessors)
      Processors.clear();
    Processors[Key] = {FeatureBits, CPUSchedModel};
  }
}

MCSubtargetInfo::MCSubtargetInfo(
    const Triple &TT, StringRef CPU, StringRef TuneCPU, StringRef FS, ArrayRef<StringRef> PN,
    ArrayRef<SubtargetFeatureKV> PF, ArrayRef<SubtargetSubTypeKV> PD,
    const MCWriteProcResEntry *WPR, const MCWriteLatencyEntry *WL, const MCReadAdvanceEntry *RA,
    const InstrStage *IS, const unsigned *OC, const unsigned *FP)
    : TargetTriple(TT), CPU(CPU.str()), TuneCPU(TuneCPU.str()), ProcNames(PN), ProcFeatures(PF),
      ProcDesc(PD), WriteProcResTable(WPR), WriteLatencyTable(WL), ReadAdvanceTable(RA), Stages(IS),
      OperandCycles(OC), ForwardingPaths(FP) {
  InitMCProcessorInfo(CPU, TuneCPU, FS);
}
