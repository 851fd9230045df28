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

static llvm::ThreadModel::Model threadModel(const LangOptions &Lang) {
  return Lang.getThreadModel() == LangOptions::ThreadModelKind::Single ? llvm::ThreadModel::Single
                                                                       : llvm::ThreadModel::POSIX;
}

static llvm::FPOpFusion::FPOpFusionMode fpOpFusion(const LangOptions &Lang) {
  return Lang.getDefaultFPContractMode() == LangOptions::FPM_Fast ? llvm::FPOpFusion::Fast
                                                                  : llvm::FPOpFusion::Standard;
}

static llvm::ExceptionHandling exceptionModel(const CodeGenOptions &CG) {
  if (CG.hasSjLjExceptions())
    return llvm::ExceptionHandling::SjLj;
  if (CG.hasSEHExceptions())
    return llvm::ExceptionHandling::WinEH;
  if (CG.hasDWARFExceptions())
    return llvm::ExceptionHandling::DwarfCFI;
  return CG.hasWasmExceptions() ? llvm::ExceptionHandling::Wasm : llvm::ExceptionHandling::None;
}

static llvm::VectorLibrary vectorLibrary(const CodeGenOptions &CG) {
  return llvm::driver::convertDriverVectorLibraryToVectorLibrary(CG.getVecLib());
}

static llvm::SwiftAsyncFramePointerMode swiftAsyncFramePointer(const CodeGenOptions &CG) {
  switch (CG.getSwiftAsyncFramePointer()) {
  case CodeGenOptions::SwiftAsyncFramePointerKind::Auto:
    return llvm::SwiftAsyncFramePointerMode::DeploymentBased;
  case CodeGenOptions::SwiftAsyncFramePointerKind::Always:
    return llvm::SwiftAsyncFramePointerMode::Always;
  case CodeGenOptions::SwiftAsyncFramePointerKind::Never:
    return llvm::SwiftAsyncFramePointerMode::Never;
  }
  llvm_unreachable("clang has no other");
}

static void readOptions(const CompilerInvocation &CI, CodegenOptions &O) {
  const CodeGenOptions &CG = CI.getCodeGenOpts();
  const clang::TargetOptions &Target = CI.getTargetOpts();
  const LangOptions &Lang = CI.getLangOpts();
  O.triple = text(Target.Triple);
  O.cpu = text(Target.CPU);
  for (const std::string &Feature : Target.Features)
    O.features.push_back(text(Feature));
  O.codegen_level = CG.OptimizationLevel;
  O.relocation_model = text(word(RelocationModels, CG.RelocationModel));
  O.code_model = text(CG.CodeModel.empty() ? "default" : StringRef(CG.CodeModel));
#define TARGET_VALUE(Field, Llvm, Clang) O.Field = Clang;
#define TARGET_TEXT(Field, Llvm, Clang) O.Field = text(Clang);
#define TARGET_WORD(Field, Llvm, Words, Clang) O.Field = text(word(Words, Clang));
#define CONFIG_VALUE(Field, Llvm, Clang) O.Field = Clang;
#define CONFIG_TEXT(Field, Llvm, Clang) O.Field = text(Clang);
#include "codegen_options.def"
  O.float_abi = text(CG.FloatABI);
  O.binutils_version = text(CG.BinutilsVersion);
  O.bb_sections = text(CG.BBSections);
  O.no_dwarf_directory_asm = CG.NoDwarfDirectoryAsm;
  O.output_asm_variant = CG.OutputAsmVariant;

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
