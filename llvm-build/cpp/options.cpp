// A cc1 command line as the plain options of a backend: what clang's `initTargetOptions` and
// `runThinLTOBackend` (clang/lib/CodeGen/BackendUtil.cpp) read, and no more.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "names.h"

#include "clang/Basic/TargetInfo.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "clang/Frontend/Utils.h"
#include "clang/Lex/HeaderSearchOptions.h"
#include "llvm/Frontend/Driver/CodeGenOptions.h"
#include "llvm/Support/VirtualFileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace clang;
using llvm::StringRef;

namespace thinfarm {

// A feature whose work clang does around the backend rather than in it.
static StringRef clangActionReason(const CompilerInvocation &CI) {
  const CodeGenOptions &CG = CI.getCodeGenOpts();
  const FrontendOptions &FE = CI.getFrontendOpts();
  switch (FE.ProgramAction) {
  case frontend::EmitObj:
    break;
  case frontend::EmitAssembly:
    return "-S";
  case frontend::EmitLLVM:
  case frontend::EmitBC:
  case frontend::EmitLLVMOnly:
    return "-emit-llvm";
  default:
    return "an action other than writing an object";
  }
  if (!CG.OptRecordFile.empty())
    return "-fsave-optimization-record";
  if (!FE.TimeTracePath.empty())
    return "-ftime-trace";
  if (!CG.StackUsageOutput.empty())
    return "-fstack-usage";
  if (!CG.SaveTempsFilePrefix.empty())
    return "-save-temps";
  if (CG.OptimizationRemark.hasValidPattern() || CG.OptimizationRemarkMissed.hasValidPattern() ||
      CG.OptimizationRemarkAnalysis.hasValidPattern())
    return "-Rpass";
  if (CG.getEmbedBitcode() != CodeGenOptions::Embed_Off)
    return "-fembed-bitcode";
  if (!CG.OffloadObjects.empty())
    return "-fembed-offload-object";
  if (!CG.LinkBitcodeFiles.empty())
    return "-mlink-bitcode-file";
  if (!FE.Plugins.empty() || !CG.PassPlugins.empty())
    return "a plugin";
  if (CG.TimePasses)
    return "-ftime-report";
  if (CG.DebugPassManager)
    return "-fdebug-pass-manager";
  if (CG.VerifyEach)
    return "-fverify-each";
  // The object gets a copy of the command line, which only clang's action hands on.
  for (StringRef Arg : FE.LLVMArgs)
    if (Arg.ltrim('-').starts_with("lto-embed-bitcode="))
      return "-mllvm -lto-embed-bitcode";
  return {};
}

static void readTargetOptions(const CompilerInvocation &CI, CodegenOptions &O) {
  const CodeGenOptions &CG = CI.getCodeGenOpts();
  const clang::TargetOptions &Target = CI.getTargetOpts();
  const LangOptions &Lang = CI.getLangOpts();

  O.thread_model = text(word(ThreadModels, Lang.getThreadModel() == LangOptions::ThreadModelKind::Single
                                               ? llvm::ThreadModel::Single
                                               : llvm::ThreadModel::POSIX));
  O.float_abi = text(CG.FloatABI);
  O.fp_op_fusion = text(word(FpOpFusions, Lang.getDefaultFPContractMode() == LangOptions::FPM_Fast
                                              ? llvm::FPOpFusion::Fast
                                              : llvm::FPOpFusion::Standard));
  O.binutils_version = text(CG.BinutilsVersion);
  O.use_init_array = CG.UseInitArray;
  O.disable_integrated_as = CG.DisableIntegratedAS;
  O.eabi_version = text(word(EabiVersions, Target.EABIVersion));
  llvm::ExceptionHandling Exceptions = llvm::ExceptionHandling::None;
  if (CG.hasSjLjExceptions())
    Exceptions = llvm::ExceptionHandling::SjLj;
  else if (CG.hasSEHExceptions())
    Exceptions = llvm::ExceptionHandling::WinEH;
  else if (CG.hasDWARFExceptions())
    Exceptions = llvm::ExceptionHandling::DwarfCFI;
  else if (CG.hasWasmExceptions())
    Exceptions = llvm::ExceptionHandling::Wasm;
  O.exception_model = text(word(ExceptionModels, Exceptions));
  O.no_infs_fp_math = Lang.NoHonorInfs;
  O.no_nans_fp_math = Lang.NoHonorNaNs;
  O.no_zero_initialized_in_bss = CG.NoZeroInitializedInBSS;
  O.bb_addr_map = CG.BBAddrMap;
  O.bb_sections = text(CG.BBSections);
  O.split_machine_functions = CG.SplitMachineFunctions;
  O.partition_static_data_sections = CG.PartitionStaticDataSections;
  O.function_sections = CG.FunctionSections;
  O.data_sections = CG.DataSections;
  O.ignore_xcoff_visibility = Lang.IgnoreXCOFFVisibility;
  O.unique_section_names = CG.UniqueSectionNames;
  O.unique_basic_block_section_names = CG.UniqueBasicBlockSectionNames;
  O.separate_named_sections = CG.SeparateNamedSections;
  O.tls_size = CG.TLSSize;
  O.enable_tlsdesc = CG.EnableTLSDESC;
  O.emulated_tls = CG.EmulatedTLS;
  O.debugger_tuning = text(word(DebuggerKinds, CG.getDebuggerTuning()));
  O.stack_size_section = CG.StackSizeSection;
  O.addrsig = CG.Addrsig;
  O.force_dwarf_frame_section = CG.ForceDwarfFrameSection;
  O.call_graph_section = CG.CallGraphSection;
  O.emit_call_site_info = CG.EmitCallSiteInfo;
  O.enable_aix_extended_altivec_abi = Lang.EnableAIXExtendedAltivecABI;
  O.xray_function_index = CG.XRayFunctionIndex;
  O.loop_alignment = CG.LoopAlignment;
  O.debug_strict_dwarf = CG.DebugStrictDwarf;
  O.hotpatch = CG.HotPatch;
  O.jmc_instrument = CG.JMCInstrument;
  O.xcoff_read_only_pointers = CG.XCOFFReadOnlyPointers;
  O.vector_library = text(word(
      VectorLibraries, llvm::driver::convertDriverVectorLibraryToVectorLibrary(CG.getVecLib())));
  switch (CG.getSwiftAsyncFramePointer()) {
  case CodeGenOptions::SwiftAsyncFramePointerKind::Auto:
    O.swift_async_frame_pointer = "auto";
    break;
  case CodeGenOptions::SwiftAsyncFramePointerKind::Always:
    O.swift_async_frame_pointer = "always";
    break;
  case CodeGenOptions::SwiftAsyncFramePointerKind::Never:
    O.swift_async_frame_pointer = "never";
    break;
  }
}

static void readMCOptions(const CompilerInvocation &CI, CodegenOptions &O) {
  const CodeGenOptions &CG = CI.getCodeGenOpts();
  O.emit_dwarf_unwind = text(word(EmitDwarfUnwinds, CG.getEmitDwarfUnwind()));
  O.emit_compact_unwind_non_canonical = CG.EmitCompactUnwindNonCanonical;
  O.emit_sframe_unwind = CG.EmitSFrameUnwind;
  O.relax_all = CG.RelaxAll;
  O.save_temp_labels = CG.SaveTempLabels;
  O.no_dwarf_directory_asm = CG.NoDwarfDirectoryAsm;
  O.no_exec_stack = CG.NoExecStack;
  O.incremental_linker_compatible = CG.IncrementalLinkerCompatible;
  O.fatal_warnings = CG.FatalWarnings;
  O.no_warn = CG.NoWarn;
  O.asm_verbose = CG.AsmVerbose;
  O.dwarf64 = CG.Dwarf64;
  O.preserve_asm_comments = CG.PreserveAsmComments;
  O.crel = CG.Crel;
  O.implicit_map_syms = CG.ImplicitMapSyms;
  O.x86_relax_relocations = CG.X86RelaxRelocations;
  O.x86_sse2avx = CG.X86Sse2Avx;
  O.compress_debug_sections = text(word(DebugCompressions, CG.getCompressDebugSections()));
  O.output_asm_variant = CG.OutputAsmVariant;
  O.ppc_use_full_register_names = CG.PPCUseFullRegisterNames;
  O.mis_expect = CG.MisExpect;
  O.as_secure_log_file = text(CG.AsSecureLogFile);
}

static void readOptions(const CompilerInvocation &CI, CodegenOptions &O) {
  const CodeGenOptions &CG = CI.getCodeGenOpts();
  const clang::TargetOptions &Target = CI.getTargetOpts();
  O.triple = text(Target.Triple);
  O.cpu = text(Target.CPU);
  for (const std::string &Feature : Target.Features)
    O.features.push_back(text(Feature));
  O.abi = text(Target.ABI);
  O.optimization_level = CG.OptimizationLevel;
  O.codegen_level = CG.OptimizationLevel;
  O.relocation_model = text(word(RelocationModels, CG.RelocationModel));
  O.code_model = text(CG.CodeModel.empty() ? "default" : StringRef(CG.CodeModel));
  readTargetOptions(CI, O);
  readMCOptions(CI, O);

  O.unroll_loops = CG.UnrollLoops;
  O.interchange_loops = CG.InterchangeLoops;
  O.fuse_loops = CG.FuseLoops;
  O.vectorize_loops = CG.VectorizeLoop;
  O.vectorize_slp = CG.VectorizeSLP;
  O.cs_profile = "none";
  if (CG.hasProfileCSIRInstr()) {
    O.cs_profile = "generate";
    // `getProfileGenName` of BackendUtil.cpp.
    std::string Path = CG.InstrProfileOutput.empty() ? "default_%m.profraw" : CG.InstrProfileOutput;
    O.cs_profile_path = text(CG.ContinuousProfileSync ? "%c" + Path : Path);
  } else if (CG.hasProfileCSIRUse()) {
    O.cs_profile = "use";
    O.cs_profile_path = text(CG.ProfileInstrumentUsePath);
  }
  O.sample_profile = text(CG.SampleProfileFile);
  O.profile_remapping = text(CG.ProfileRemappingFile);
  for (const std::string &Arg : CI.getFrontendOpts().LLVMArgs)
    O.llvm_args.push_back(text(Arg));
  // clang turns these two into LLVM options of the whole process (`setCommandLineOpts`).
  if (!CG.DebugPass.empty()) {
    O.llvm_args.push_back("-debug-pass");
    O.llvm_args.push_back(text(CG.DebugPass));
  }
  if (!CG.LimitFloatPrecision.empty()) {
    O.llvm_args.push_back("-limit-float-precision");
    O.llvm_args.push_back(text(CG.LimitFloatPrecision));
  }
  O.clang_action_reason = text(clangActionReason(CI));
}

static void readFiles(const CompilerInvocation &CI, JobFiles &F) {
  const CodeGenOptions &CG = CI.getCodeGenOpts();
  const FrontendOptions &FE = CI.getFrontendOpts();
  F.index = text(CG.ThinLTOIndexFile);
  F.output = text(FE.OutputFile);
  if (!FE.Inputs.empty() && FE.Inputs.front().isFile())
    F.input = text(FE.Inputs.front().getFile());
  F.split_dwarf_file = text(CG.SplitDwarfFile);
  F.split_dwarf_output = text(CG.SplitDwarfOutput);
  F.object_filename_for_debug = text(CG.ObjectFilenameForDebug);
  const HeaderSearchOptions &HS = CI.getHeaderSearchOpts();
  for (const HeaderSearchOptions::Entry &Entry : HS.UserEntries)
    if (!Entry.IsFramework && (Entry.Group == frontend::IncludeDirGroup::Quoted ||
                               Entry.Group == frontend::IncludeDirGroup::Angled ||
                               Entry.Group == frontend::IncludeDirGroup::System))
      F.assembler_search_paths.push_back(
          text(Entry.IgnoreSysRoot ? Entry.Path : HS.Sysroot + Entry.Path));
  for (const std::string *Side : {&CG.OptRecordFile, &FE.TimeTracePath, &CG.StackUsageOutput})
    if (!Side->empty())
      F.side_outputs.push_back(text(*Side));
}

Cc1Outcome parse_cc1(rust::Slice<const rust::String> Args) {
  Cc1Outcome Outcome{};
  std::vector<std::string> Storage = strings(Args);
  std::vector<const char *> Argv;
  // The first is `-cc1` itself, which chose this parser.
  for (const std::string &Arg : llvm::drop_begin(Storage))
    Argv.push_back(Arg.c_str());

  std::string Text;
  llvm::raw_string_ostream OS(Text);
  DiagnosticOptions ParseOpts;
  TextDiagnosticPrinter Printer(OS, ParseOpts);
  auto Invocation = std::make_shared<CompilerInvocation>();
  DiagnosticsEngine ParseDiags(DiagnosticIDs::create(), ParseOpts, &Printer,
                               /*ShouldOwnClient=*/false);
  if (CompilerInvocation::CreateFromArgs(*Invocation, Argv, ParseDiags)) {
    CompilerInstance Instance(Invocation);
    Instance.createVirtualFileSystem(llvm::vfs::getRealFileSystem());
    Instance.createDiagnostics(
        new TextDiagnosticPrinter(OS, Instance.getDiagnosticOpts()));
    // Resolves CPU, ABI and the whole feature list, and lets the target adjust the options.
    if (Instance.createTarget()) {
      readOptions(Instance.getInvocation(), Outcome.options);
      readFiles(Instance.getInvocation(), Outcome.files);
      Outcome.ok = true;
    }
  }
  Outcome.diagnostics = text(Text);
  return Outcome;
}

} // namespace thinfarm
