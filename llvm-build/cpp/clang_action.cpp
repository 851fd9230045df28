// A job through clang's own code generation action, for what the thin backend alone does not do:
// assembly and IR output, remark files, time traces, compiling without importing (an empty index).

#include "bridge.h"
#include "clock.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "result.h"

#include "clang/CodeGen/CodeGenAction.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "llvm/Support/TimeProfiler.h"
#include "llvm/Support/VirtualFileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace clang;

namespace thinfarm {

static std::unique_ptr<FrontendAction> actionFor(frontend::ActionKind Kind) {
  switch (Kind) {
  case frontend::EmitObj:
    return std::make_unique<EmitObjAction>();
  case frontend::EmitAssembly:
    return std::make_unique<EmitAssemblyAction>();
  case frontend::EmitBC:
    return std::make_unique<EmitBCAction>();
  case frontend::EmitLLVM:
    return std::make_unique<EmitLLVMAction>();
  case frontend::EmitLLVMOnly:
    return std::make_unique<EmitLLVMOnlyAction>();
  default:
    return nullptr;
  }
}

// Module is the bitcode of an input that is not a file by itself; no bytes, and clang reads the file.
static void runAction(rust::Slice<const rust::String> Cc1, rust::Slice<const uint8_t> Module,
                      rust::Str Output, rust::Str SplitDwarfOutput, BackendResult &Result) {
  StageClock Clock;
  llvm::raw_string_ostream OS(Result.Diagnostics);
  std::vector<std::string> Storage = strings(Cc1);
  std::vector<const char *> Argv;
  // With `-cc1`, which clang's own program leaves there for what copies the command line.
  for (const std::string &Arg : Storage)
    Argv.push_back(Arg.c_str());

  DiagnosticOptions ParseOpts;
  TextDiagnosticPrinter ParsePrinter(OS, ParseOpts);
  DiagnosticsEngine ParseDiags(DiagnosticIDs::create(), ParseOpts, &ParsePrinter,
                               /*ShouldOwnClient=*/false);
  auto Invocation = std::make_shared<CompilerInvocation>();
  if (!CompilerInvocation::CreateFromArgs(*Invocation, Argv, ParseDiags)) {
    Result.Error = "clang rejected the command line";
    return;
  }
  // The tool around clang's actions would load them, and without them the object is another one.
  if (!Invocation->getFrontendOpts().Plugins.empty() ||
      !Invocation->getCodeGenOpts().PassPlugins.empty()) {
    Result.Error = "plugins (-fpass-plugin, -fplugin, -load) are not supported: they need the shared LLVM "
                   "that they were built for; run clang for this one";
    return;
  }
  // The farm renames outputs when the job is done; clang needs no temporaries of its own.
  FrontendOptions &FE = Invocation->getFrontendOpts();
  FE.OutputFile = ref(Output).str();
  FE.UseTemporary = false;
  Invocation->getCodeGenOpts().SplitDwarfOutput = ref(SplitDwarfOutput).str();
  // This process goes on: what clang leaves to the end of its own must be freed.
  FE.DisableFree = false;
  Invocation->getCodeGenOpts().DisableFree = false;

  // clang wants a NUL after its inputs, which a part of a file does not have.
  std::unique_ptr<llvm::MemoryBuffer> Copy;
  if (!Module.empty()) {
    FrontendInputFile &Input = FE.Inputs.front();
    llvm::StringRef Bytes(reinterpret_cast<const char *>(Module.data()), Module.size());
    Copy = llvm::MemoryBuffer::getMemBufferCopy(Bytes, Input.getFile());
    Input = FrontendInputFile(Copy->getMemBufferRef(), Input.getKind());
  }

  std::unique_ptr<FrontendAction> Action = actionFor(FE.ProgramAction);
  if (!Action) {
    Result.Error = "the command line does not ask for an object, assembly or IR";
    return;
  }
  if (!FE.TimeTracePath.empty())
    llvm::timeTraceProfilerInitialize(FE.TimeTraceGranularity, Argv.front(), FE.TimeTraceVerbose);

  CompilerInstance Instance(Invocation);
  Instance.createVirtualFileSystem(llvm::vfs::getRealFileSystem());
  Instance.createDiagnostics(new TextDiagnosticPrinter(OS, Instance.getDiagnosticOpts()));
  // "1 warning generated." is for the caller to say.
  Instance.setVerboseOutputStream(std::make_unique<llvm::raw_null_ostream>());
  bool Succeeded = Instance.ExecuteAction(*Action);
  Action.reset();

  if (llvm::timeTraceProfilerEnabled()) {
    if (llvm::Error E = llvm::timeTraceProfilerWrite(FE.TimeTracePath, FE.OutputFile)) {
      Result.Error = llvm::toString(std::move(E));
      Succeeded = false;
    }
    llvm::timeTraceProfilerCleanup();
  }
  Result.Warnings = Instance.getDiagnosticClient().getNumWarnings();
  Result.Errors = Instance.getDiagnosticClient().getNumErrors();
  if (!Succeeded && Result.Error.empty())
    Result.Error = "the compilation reported errors";
  // clang's action has no seams between its stages to put a clock in.
  Clock.end(Result.Times->codegen);
}

std::unique_ptr<BackendResult> run_clang_action(rust::Slice<const rust::String> Cc1,
                                                rust::Slice<const uint8_t> Module,
                                                rust::Str Output, rust::Str SplitDwarfOutput) {
  auto Result = std::make_unique<BackendResult>();
  GuardOutcome Guard =
      runGuarded([&] { runAction(Cc1, Module, Output, SplitDwarfOutput, *Result); });
  if (!Guard.Error.empty()) {
    Result->Error = Guard.Error;
    Result->Crashed = Guard.Crashed;
    Result->Doing = Guard.Doing;
  }
  return Result;
}

} // namespace thinfarm
