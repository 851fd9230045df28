// One ThinLTO backend job: load, import, optimise, generate code, all on the calling thread.
//
// It follows `CodeGenAction::loadModule` and `ExecuteAction` (clang/lib/CodeGen/CodeGenAction.cpp)
// and `runThinLTOBackend` (clang/lib/CodeGen/BackendUtil.cpp). Where it does otherwise, to save time
// or memory, the object is the same and the reason is given.

#include "asm_registers.h"
#include "bridge.h"
#include "clock.h"
#include "debug_info.h"
#include "diagnostics.h"
#include "guard.h"
#include "link.h"
#include "llvm-build/src/bridge.rs.h"
#include "names.h"

#include "clang/Basic/DiagnosticFrontend.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/LTO/Config.h"
#include "llvm/LTO/LTOBackend.h"
#include "llvm/Support/Caching.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/TimeProfiler.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/FunctionImport.h"

using namespace llvm;

namespace thinfarm {

BackendResult::BackendResult() : Times(std::make_unique<StageTimes>()) {}
BackendResult::~BackendResult() = default;
StageTimes BackendResult::times() const { return *Times; }
rust::Vec<LinkMessage> BackendResult::messages() const { return Messages; }

// --- Options

static void fillTargetOptions(const CodegenOptions &O, const JobFiles &F, TargetOptions &T) {
#define TARGET_VALUE(Field, Llvm, Clang) T.Llvm = O.Field;
#define TARGET_TEXT(Field, Llvm, Clang) T.Llvm = str(O.Field);
#define TARGET_WORD(Field, Llvm, Words, Clang) T.Llvm = value(Words, ref(O.Field));
#include "codegen_options.def"
  T.FloatABIType = StringSwitch<FloatABI::ABIType>(ref(O.float_abi))
                       .Cases({"soft", "softfp"}, FloatABI::Soft)
                       .Case("hard", FloatABI::Hard)
                       .Default(FloatABI::Default);
  T.BinutilsVersion = TargetMachine::parseBinutilsVersion(ref(O.binutils_version));
  StringRef BBSections = ref(O.bb_sections);
  T.BBSections = StringSwitch<BasicBlockSection>(BBSections)
                     .Case("all", BasicBlockSection::All)
                     .StartsWith("list=", BasicBlockSection::List)
                     .Default(BasicBlockSection::None);
  if (BBSections.consume_front("list=")) {
    ErrorOr<std::unique_ptr<MemoryBuffer>> List = MemoryBuffer::getFile(BBSections);
    if (!List)
      report_fatal_error("cannot read the basic block section list '" + BBSections +
                         "': " + List.getError().message());
    T.BBSectionsFuncListBuf = std::move(*List);
  }
  T.ObjectFilenameForDebug = str(F.object_filename_for_debug);
}

static void fillMCOptions(const CodegenOptions &O, const JobFiles &F, MCTargetOptions &MC) {
  MC.SplitDwarfFile = str(F.split_dwarf_file);
  MC.MCUseDwarfDirectory = O.no_dwarf_directory_asm ? MCTargetOptions::DisableDwarfDirectory
                                                    : MCTargetOptions::EnableDwarfDirectory;
  // clang's 3 stands for "not specified".
  if (O.output_asm_variant != 3)
    MC.OutputAsmVariant = O.output_asm_variant;
  MC.IASSearchPaths = strings({F.assembler_search_paths.data(), F.assembler_search_paths.size()});
}

static void fillConfig(const CodegenOptions &O, const JobFiles &F, lto::Config &Conf) {
  Conf.CPU = str(O.cpu);
  Conf.MAttrs = strings({O.features.data(), O.features.size()});
  Conf.CodeModel = std::nullopt;
  if (ref(O.code_model) != "default")
    Conf.CodeModel = value(CodeModels, ref(O.code_model));
  Conf.RelocModel = value(RelocationModels, ref(O.relocation_model));
#define CONFIG_VALUE(Field, Llvm, Clang) Conf.Llvm = O.Field;
#define CONFIG_TEXT(Field, Llvm, Clang) Conf.Llvm = str(O.Field);
#include "codegen_options.def"
  Conf.CGOptLevel = *CodeGenOpt::getLevel(O.codegen_level);
  fillTargetOptions(O, F, Conf.Options);
  fillMCOptions(O, F, Conf.Options.MCOptions);
  Conf.PTO.LoopInterleaving = O.unroll_loops;
  Conf.PTO.CallGraphProfile = !O.disable_integrated_as;
  Conf.RunCSIRInstr = ref(O.cs_profile) == "generate";
  Conf.CSIRProfile = str(O.cs_profile_path);
  Conf.SplitDwarfFile = str(F.split_dwarf_file);
  Conf.SplitDwarfOutput = str(F.split_dwarf_output);
  // clang verifies the IR before and after the pipeline. That finds bugs of LLVM, takes time and
  // changes nothing in the IR.
  Conf.DisableVerify = true;
}

// --- The job

// Both, one after the other; an empty one is none.
static lto::Config::ModuleHookFn both(lto::Config::ModuleHookFn First,
                                      lto::Config::ModuleHookFn Second) {
  if (!First || !Second)
    return First ? First : Second;
  return [=](unsigned Task, const llvm::Module &M) { return First(Task, M) && Second(Task, M); };
}

LinkHooks::LinkHooks(const lto::Config &Link)
    : DiscardValueNames(Link.ShouldDiscardValueNames), TimeTraceEnabled(Link.TimeTraceEnabled),
      TimeTraceGranularity(Link.TimeTraceGranularity), PGOWarnMismatch(Link.PGOWarnMismatch) {
  for (auto Hook : {&lto::Config::PreOptModuleHook, &lto::Config::PostPromoteModuleHook,
                    &lto::Config::PostInternalizeModuleHook, &lto::Config::PostImportModuleHook,
                    &lto::Config::PostOptModuleHook, &lto::Config::PreCodeGenModuleHook})
    if (Link.*Hook)
      Hooks.push_back({Hook, Link.*Hook});
}

void LinkHooks::addTo(lto::Config &Conf) const {
  Conf.PGOWarnMismatch = PGOWarnMismatch;
  for (const auto &[Place, Hook] : Hooks)
    Conf.*Place = both(Hook, Conf.*Place);
}

// This thread's part of lld's --time-trace.
class TimeTrace {
public:
  explicit TimeTrace(const LinkHooks *Hooks) : IsOn(Hooks && Hooks->TimeTraceEnabled) {
    if (IsOn)
      timeTraceProfilerInitialize(Hooks->TimeTraceGranularity, "thin backend");
  }
  ~TimeTrace() {
    if (IsOn)
      timeTraceProfilerFinishThread();
  }

private:
  const bool IsOn;
};

namespace {

// What a job is at, for the case of a crash. LLVM itself tells of passes only.
class Activity : public PrettyStackTraceEntry {
public:
  Activity(const BitcodeModule &Module, const ImportMap &Imports) : Module(Module), Imports(Imports) {}

  void print(raw_ostream &OS) const override {
    OS << Doing << " '" << Module.Id << '\'';
    if (IsImporting) {
      // The first ones tell which they are; there may be thousands.
      constexpr size_t Enough = 8;
      ListSeparator Separator;
      OS << " from ";
      for (const auto &Import : drop_end(Imports.Modules, excess(Enough)))
        OS << Separator << '\'' << Import.first << '\'';
      if (size_t More = excess(Enough))
        OS << " and " << More << " more";
    }
    OS << '\n';
  }

  void imports() {
    Doing = "Importing into module";
    IsImporting = !Imports.Modules.empty();
  }
  void compiles() {
    Doing = "Compiling module";
    IsImporting = false;
  }

private:
  size_t excess(size_t Enough) const {
    return Imports.Modules.size() > Enough ? Imports.Modules.size() - Enough : 0;
  }

  const BitcodeModule &Module;
  const ImportMap &Imports;
  const char *Doing = "Loading module";
  bool IsImporting = false;
};

} // namespace

static void runJob(const BitcodeModule &Module, const SummaryIndex &Index, ImportMap &Imports,
                   const CodegenOptions &Options, const JobFiles &Files,
                   BackendDiagnostics &Diagnostics, LLVMContext &Context, const LinkHooks *Hooks,
                   StageListener &Listener, BackendResult &Result) {
  // LLVM can be stopped between stages only, and then it succeeds without an object.
  auto Reached = [&](Stage Next) {
    bool GoesOn = Listener.reached(Next);
    if (!GoesOn)
      Result.Error = "stopped";
    return GoesOn;
  };
  TimeTrace Trace(Hooks);
  StageClock Clock;
  StageTimes &Times = *Result.Times;
  Activity At(Module, Imports);

  Context.enableDebugTypeODRUniquing();
  // clang keeps names of values in case textual IR is read or written; no object depends on them.
  Context.setDiscardValueNames(!Hooks || Hooks->DiscardValueNames);
  Expected<std::unique_ptr<llvm::Module>> Loaded =
      llvm::BitcodeModule(*Module.Thin).parseModule(Context);
  if (!Loaded) {
    Result.Error = toString(Loaded.takeError());
    return;
  }
  llvm::Module &M = **Loaded;
  if (Triple Wanted(ref(Options.triple)); M.getTargetTriple() != Wanted) {
    Diagnostics.engine().Report(clang::diag::warn_fe_override_module) << Wanted.str();
    // It is an error with -Werror.
    Diagnostics.count();
    if (!Result.Error.empty())
      return;
    M.setTargetTriple(Wanted);
  }
  Context.setDefaultTargetCPU(ref(Options.cpu));
  Context.setDefaultTargetFeatures(
      join(strings({Options.features.data(), Options.features.size()}), ","));
  Clock.end(Times.load);
  At.imports();
  if (!Reached(Stage::Import))
    return;

  DenseMap<StringRef, GVSummaryMapTy> DefinedPerModule;
  Index.Index->collectDefinedGVSummariesPerModule(DefinedPerModule);
  FunctionImporter::ImportIDTable ImportIds;
  FunctionImporter::ImportMapTy ImportList(ImportIds);
  if (!lto::initImportList(M, *Index.Index, ImportList)) {
    Result.Error = "the index has no usable import list";
    return;
  }

  lto::Config Conf;
  fillConfig(Options, Files, Conf);
  // The hooks see the module between LLVM's stages and leave it alone.
  Conf.PostImportModuleHook = [&](unsigned, const llvm::Module &) {
    Clock.end(Times.import);
    At.compiles();
    return Reached(Stage::Optimise);
  };
  Conf.PostOptModuleHook = [&](unsigned, const llvm::Module &) {
    Clock.end(Times.optimise);
    return Reached(Stage::Codegen);
  };
  if (Hooks)
    Hooks->addTo(Conf);
  auto AddStream = [&](size_t, const Twine &) {
    return std::make_unique<CachedFileStream>(std::make_unique<raw_svector_ostream>(Result.Object),
                                              str(Files.object_filename_for_debug));
  };
  if (Error E = lto::thinBackend(Conf, -1, AddStream, M, *Index.Index, ImportList,
                                 DefinedPerModule[M.getModuleIdentifier()], &Imports.Modules,
                                 /*CodeGenOnly=*/false))
    Result.Error = toString(std::move(E));
  Loaded->reset();
  Clock.end(Times.codegen);
}

std::unique_ptr<BackendResult>
run_thin_backend(const BitcodeModule &Module, std::unique_ptr<SummaryIndex> Index,
                 std::unique_ptr<ImportMap> Imports, const CodegenOptions &Options,
                 const JobFiles &Files, rust::Slice<const rust::String> Cc1, bool TrustDebugInfo,
                 const std::shared_ptr<LinkHooks> &Hooks, StageListener &Listener) {
  auto Result = std::make_unique<BackendResult>();
  // Made outside the guarded call: after a crash the context is in an unknown state and is leaked.
  auto Context = std::make_unique<LLVMContext>();
  auto Handler = std::make_unique<BackendDiagnostics>(Module.Id, Cc1, *Result);
  BackendDiagnostics &Diagnostics = *Handler;
  AsmRegisters Registers;
  TrustedDebugInfo Trust(TrustDebugInfo);
  // Remarks nobody asked for never reach the handler.
  Context->setDiagnosticHandler(std::move(Handler), /*RespectFilters=*/true);
  GuardOutcome Guard = runGuarded([&] {
    runJob(Module, *Index, *Imports, Options, Files, Diagnostics, *Context, Hooks.get(), Listener,
           *Result);
  });
  if (!Guard.Error.empty()) {
    Result->Error = Guard.Error;
    Result->Crashed = Guard.Crashed;
    Result->Doing = Guard.Doing;
    (void)Context.release();
    (void)Index.release();
  }
  return Result;
}

} // namespace thinfarm
