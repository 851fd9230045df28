// clang's driver, in-process: a command line in, the cc1 command line of its one compile job out.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "clang/Basic/DiagnosticIDs.h"
#include "clang/Basic/DiagnosticOptions.h"
#include "clang/Driver/Compilation.h"
#include "clang/Driver/Driver.h"
#include "clang/Driver/Job.h"
#include "clang/Driver/Tool.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/VirtualFileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

using namespace clang;
using namespace clang::driver;
using namespace llvm;

namespace thinfarm {

// Why a compilation is not one in-process job; empty if it is.
static std::string refusal(const Compilation &C) {
  SmallVector<StringRef, 4> Programs;
  for (const Command &Job : C.getJobs())
    Programs.push_back(Job.getCreator().getName());
  if (C.getArgs().hasArg(options::OPT__HASH_HASH_HASH))
    return "-### is not supported; `thinfarm explain --cc1` shows the compile job";
  if (Programs.empty() || (Programs.size() == 1 && Programs.front() == "clang"))
    return {};
  std::string List = join(Programs, ", ");
  const opt::ArgList &Args = C.getArgs();
  if (Args.hasArg(options::OPT_save_temps, options::OPT_save_temps_EQ))
    return "-save-temps is not supported: clang splits the work between several programs (" +
           List + "); run clang for this one, or ask for -S or -emit-llvm";
  if (Args.hasArg(options::OPT_fno_integrated_as))
    return "-fno-integrated-as is not supported: it needs an assembler in a process of its own (" +
           List + "); use -S, or clang's own assembler";
  if (Args.hasArg(options::OPT_fembed_bitcode))
    return "-fembed-bitcode is not supported: clang compiles in two steps (" + List +
           "); the bitcode is already in the module";
  if (!Args.hasArg(options::OPT_c, options::OPT_S, options::OPT_emit_llvm))
    return "the command line asks for more than one object (" + List + "); add -c";
  return "the command line needs " + std::to_string(Programs.size()) + " programs (" + List +
         ") where one compile job is supported; is there more than one input?";
}

DriverOutcome run_driver(rust::Slice<const rust::String> Args, rust::Str Clang,
                         rust::Str Program, bool CheckInputs) {
  std::string Executable = ref(Clang).str();
  std::vector<std::string> Storage = strings(Args);
  SmallVector<const char *, 64> Argv{Executable.c_str()};
  for (const std::string &Arg : Storage)
    Argv.push_back(Arg.c_str());

  DriverOutcome Outcome;
  std::string Text;
  raw_string_ostream OS(Text);
  std::unique_ptr<DiagnosticOptions> DiagOpts = CreateAndPopulateDiagOpts(Argv);
  TextDiagnosticPrinter Printer(OS, *DiagOpts);
  Printer.setPrefix(ref(Program).str());
  IntrusiveRefCntPtr<DiagnosticsEngine> Diags = makeIntrusiveRefCnt<DiagnosticsEngine>(
      DiagnosticIDs::create(), *DiagOpts, &Printer, /*ShouldOwnClient=*/false);
  // With a working directory of its own, which -working-directory= changes.
  IntrusiveRefCntPtr<vfs::FileSystem> FS = vfs::createPhysicalFileSystem();
  ProcessWarningOptions(*Diags, *DiagOpts, *FS, /*ReportDiags=*/false);

  // `@file` arguments, as clang's main function expands them before the driver sees any.
  BumpPtrAllocator Allocator;
  bool Expanded = true;
  if (Error E = expandResponseFiles(Argv, /*ClangCLMode=*/false, Allocator, FS.get())) {
    OS << ref(Program) << ": error: " << toString(std::move(E)) << '\n';
    Expanded = false;
  }
  if (Expanded) {
    for (const char *Arg : drop_begin(Argv))
      Outcome.arguments.push_back(text(Arg));
    Driver TheDriver(Executable, sys::getDefaultTargetTriple(), *Diags, "clang LLVM compiler", FS);
    TheDriver.setCheckInputsExist(CheckInputs);
    std::unique_ptr<Compilation> C(TheDriver.BuildCompilation(Argv));
    if (C && !C->containsError() && !Diags->hasErrorOccurred()) {
      std::string Reason = refusal(*C);
      Outcome.compiles_nothing = C->getJobs().empty();
      if (Reason.empty() && !Outcome.compiles_nothing)
        for (const char *Arg : C->getJobs().begin()->getArguments())
          Outcome.cc1.push_back(text(Arg));
      Outcome.refusal = text(Reason);
      SmallVector<unsigned, 64> Starts;
      for (const opt::Arg *A : C->getInputArgs())
        Starts.push_back(A->getIndex());
      llvm::sort(Starts);
      Starts.erase(llvm::unique(Starts), Starts.end());
      for (unsigned Start : Starts)
        Outcome.option_starts.push_back(Start);
      Outcome.option_starts.push_back(static_cast<uint32_t>(Argv.size() - 1));
    }
  }
  Outcome.diagnostics = text(Text);
  return Outcome;
}

} // namespace thinfarm
