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
  T.ThreadModel = value(ThreadModels, ref(O.thread_model));
  T.FloatABIType = StringSwitch<FloatABI::ABIType>(ref(O.float_abi))
                       .Cases({"soft", "softfp"}, FloatABI::Soft)
                       .Case("hard", FloatABI::Hard)
                       .Default(FloatABI::Default);
  T.AllowFPOpFusion = value(FpOpFusions, ref(O.fp_op_fusion));
  T.BinutilsVersion = TargetMachine::parseBinutilsVersion(ref(O.binutils_version));
  T.UseInitArray = O.use_init_array;
  T.DisableIntegratedAS = O.disable_integrated_as;
  T.EABIVersion = value(EabiVersions, ref(O.eabi_version));
  T.ExceptionModel = value(ExceptionModels, ref(O.exception_model));
  T.NoInfsFPMath = O.no_infs_fp_math;
  T.NoNaNsFPMath = O.no_nans_fp_math;
  T.NoZerosInBSS = O.no_zero_initialized_in_bss;
  T.BBAddrMap = O.bb_addr_map;
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
  T.EnableMachineFunctionSplitter = O.split_machine_functions;
  T.EnableStaticDataPartitioning = O.partition_static_data_sections;
  T.FunctionSections = O.function_sections;
  T.DataSections = O.data_sections;
  T.IgnoreXCOFFVisibility = O.ignore_xcoff_visibility;
  T.UniqueSectionNames = O.unique_section_names;
  T.UniqueBasicBlockSectionNames = O.unique_basic_block_section_names;
  T.SeparateNamedSections = O.separate_named_sections;
  T.TLSSize = O.tls_size;
  T.EnableTLSDESC = O.enable_tlsdesc;
  T.EmulatedTLS = O.emulated_tls;
  T.DebuggerTuning = value(DebuggerKinds, ref(O.debugger_tuning));
  T.EmitStackSizeSection = O.stack_size_section;
  T.EmitAddrsig = O.addrsig;
  T.ForceDwarfFrameSection = O.force_dwarf_frame_section;
  T.EmitCallGraphSection = O.call_graph_section;
  T.EmitCallSiteInfo = O.emit_call_site_info;
  T.EnableAIXExtendedAltivecABI = O.enable_aix_extended_altivec_abi;
  T.XRayFunctionIndex = O.xray_function_index;
  T.LoopAlignment = O.loop_alignment;
  T.DebugStrictDwarf = O.debug_strict_dwarf;
  T.ObjectFilenameForDebug = str(F.object_filename_for_debug);
  T.Hotpatch = O.hotpatch;
  T.JMCInstrument = O.jmc_instrument;
  T.XCOFFReadOnlyPointers = O.xcoff_read_only_pointers;
  T.VecLib = value(VectorLibraries, ref(O.vector_library));
  T.SwiftAsyncFramePointer = value(SwiftAsyncFramePointers, ref(O.swift_async_frame_pointer));
  T.MisExpect = O.mis_expect;
}

static void fillMCOptions(const CodegenOptions &O, const JobFiles &F, MCTargetOptions &MC) {
  MC.SplitDwarfFile = str(F.split_dwarf_file);
  MC.EmitDwarfUnwind = value(EmitDwarfUnwinds, ref(O.emit_dwarf_unwind));
  MC.EmitCompactUnwindNonCanonical = O.emit_compact_unwind_non_canonical;
  MC.EmitSFrameUnwind = O.emit_sframe_unwind;
  MC.MCRelaxAll = O.relax_all;
  MC.MCSaveTempLabels = O.save_temp_labels;
  MC.MCUseDwarfDirectory = O.no_dwarf_directory_asm ? MCTargetOptions::DisableDwarfDirectory
                                                    : MCTargetOptions::EnableDwarfDirectory;
  MC.MCNoExecStack = O.no_exec_stack;
  MC.MCIncrementalLinkerCompatible = O.incremental_linker_compatible;
  MC.MCFatalWarnings = O.fatal_warnings;
  MC.MCNoWarn = O.no_warn;
  MC.AsmVerbose = O.asm_verbose;
  MC.Dwarf64 = O.dwarf64;
  MC.PreserveAsmComments = O.preserve_asm_comments;
  MC.Crel = O.crel;
  MC.ImplicitMapSyms = O.implicit_map_syms;
  MC.X86RelaxRelocations = O.x86_relax_relocations;
  MC.X86Sse2Avx = O.x86_sse2avx;
  MC.CompressDebugSections = value(DebugCompressions, ref(O.compress_debug_sections));
  // clang's 3 stands for "not specified".
  if (O.output_asm_variant != 3)
    MC.OutputAsmVariant = O.output_asm_variant;
  MC.ABIName = str(O.abi);
  MC.IASSearchPaths = strings({F.assembler_search_paths.data(), F.assembler_search_paths.size()});
  MC.AsSecureLogFile = str(O.as_secure_log_file);
  MC.PPCUseFullRegisterNames = O.ppc_use_full_register_names;
}

static void fillConfig(const CodegenOptions &O, const JobFiles &F, lto::Config &Conf) {
  Conf.CPU = str(O.cpu);
  Conf.MAttrs = strings({O.features.data(), O.features.size()});
  Conf.CodeModel = std::nullopt;
  if (ref(O.code_model) != "default")
    Conf.CodeModel = value(CodeModels, ref(O.code_model));
  Conf.RelocModel = value(RelocationModels, ref(O.relocation_model));
  Conf.OptLevel = O.optimization_level;
  Conf.CGOptLevel = *CodeGenOpt::getLevel(O.codegen_level);
  fillTargetOptions(O, F, Conf.Options);
  fillMCOptions(O, F, Conf.Options.MCOptions);
  Conf.SampleProfile = str(O.sample_profile);
  Conf.ProfileRemapping = str(O.profile_remapping);
  Conf.PTO.LoopUnrolling = O.unroll_loops;
  Conf.PTO.LoopInterchange = O.interchange_loops;
  Conf.PTO.LoopFusion = O.fuse_loops;
  Conf.PTO.LoopInterleaving = O.unroll_loops;
  Conf.PTO.LoopVectorization = O.vectorize_loops;
  Conf.PTO.SLPVectorization = O.vectorize_slp;
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

// What lld wants of all jobs besides their objects: modules between the stages (--save-temps writes them), and
// fewer warnings.
static void followLink(lto::Config &Conf) {
  const lto::Config *Link = configOfLink();
  if (!Link)
    return;
  Conf.PGOWarnMismatch = Link->PGOWarnMismatch;
  for (auto Hook : {&lto::Config::PreOptModuleHook, &lto::Config::PostPromoteModuleHook,
                    &lto::Config::PostInternalizeModuleHook, &lto::Config::PostImportModuleHook,
                    &lto::Config::PostOptModuleHook, &lto::Config::PreCodeGenModuleHook})
    Conf.*Hook = both(Link->*Hook, Conf.*Hook);
}

// This thread's part of lld's --time-trace.
class TimeTrace {
public:
  TimeTrace() : Link(configOfLink()) {
    if (isOn())
      timeTraceProfilerInitialize(Link->TimeTraceGranularity, "thin backend");
  }
  ~TimeTrace() {
    if (isOn())
      timeTraceProfilerFinishThread();
  }

private:
  bool isOn() const { return Link && Link->TimeTraceEnabled; }

  const lto::Config *Link;
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
                   BackendDiagnostics &Diagnostics, LLVMContext &Context, StageListener &Listener,
                   BackendResult &Result) {
  // LLVM can be stopped between stages only, and then it succeeds without an object.
  auto Reached = [&](Stage Next) {
    bool GoesOn = Listener.reached(Next);
    if (!GoesOn)
      Result.Error = "stopped";
    return GoesOn;
  };
  TimeTrace Trace;
  StageClock Clock;
  StageTimes &Times = *Result.Times;
  Activity At(Module, Imports);

  Context.enableDebugTypeODRUniquing();
  // clang keeps names of values in case textual IR is read or written; no object depends on them.
  const lto::Config *Link = configOfLink();
  Context.setDiscardValueNames(!Link || Link->ShouldDiscardValueNames);
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
  followLink(Conf);
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
                 StageListener &Listener) {
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
    runJob(Module, *Index, *Imports, Options, Files, Diagnostics, *Context, Listener, *Result);
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
