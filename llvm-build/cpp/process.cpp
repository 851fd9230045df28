// Process-wide state of LLVM: targets, crash handlers, options.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "originals.h"

#include "clang/Basic/Version.h"
#include "llvm/InitializePasses.h"
#include "llvm/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <cstring>
#include <mutex>

using namespace llvm;

namespace thinfarm {

static thread_local std::string FatalReason;

// LLVM calls this instead of ending the process. Outside a guarded call that is lld's business, as in
// ld.lld: to say why, and to return, so that LLVM ends the process.
static void onFatalError(void *, const char *Reason, bool) {
  FatalReason = Reason;
  if (CrashRecoveryContext *Context = CrashRecoveryContext::GetCurrent())
    Context->HandleExit(/*RetCode=*/70);
  errs() << "LLVM ERROR: " << Reason << '\n';
}

void initialize() {
  static std::once_flag Once;
  std::call_once(Once, [] {
#ifdef THINFARM_STATIC_LLVM
    linkAsmRegisters();
    linkPassRegistry();
    linkProcessorFeatures();
    linkReadRecord();
#endif
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    InitializeAllAsmParsers();
    // Otherwise jobs would register them, one waiting for another.
    initializeCodeGen(*PassRegistry::getPassRegistry());
    CrashRecoveryContext::Enable();
    install_fatal_error_handler(onFatalError);
  });
}

GuardOutcome runGuarded(function_ref<void()> Fn) {
  FatalReason.clear();
  CrashRecoveryContext Context;
  GuardOutcome Outcome;
  if (Context.RunSafely(Fn))
    return Outcome;
  if (!FatalReason.empty()) {
    Outcome.Error = FatalReason;
    return Outcome;
  }
  Outcome.Crashed = true;
  // The context reports a signal as a shell would, 128 + its number.
  const char *Signal = Context.RetCode > 128 ? strsignal(Context.RetCode - 128) : nullptr;
  Outcome.Error = std::string("LLVM crashed") +
                  (Signal ? std::string(" (") + Signal + ")" : std::string());
  return Outcome;
}

std::vector<std::string> strings(rust::Slice<const rust::String> Texts) {
  std::vector<std::string> Result;
  Result.reserve(Texts.size());
  for (const rust::String &Text : Texts)
    Result.push_back(str(Text));
  return Result;
}

rust::String set_llvm_args(rust::Slice<const rust::String> Args) {
  std::vector<std::string> Storage = strings(Args);
  // clang prefixes the complaint of an unknown option with this name.
  std::vector<const char *> Argv{"clang (LLVM option parsing)"};
  for (const std::string &Arg : Storage)
    Argv.push_back(Arg.c_str());
  std::string Complaint;
  raw_string_ostream OS(Complaint);
  cl::ParseCommandLineOptions(static_cast<int>(Argv.size()), Argv.data(), "", &OS);
  return rust::String::lossy(Complaint);
}

void set_trust_debug_info(bool Trust) {
  // LLVM has no function for it, only this option of lib/IR/AutoUpgrade.cpp.
  auto Found = cl::getRegisteredOptions().find("disable-auto-upgrade-debug-info");
  if (Found == cl::getRegisteredOptions().end())
    report_fatal_error("this LLVM has no option -disable-auto-upgrade-debug-info");
  static_cast<cl::opt<bool> *>(Found->second)->setValue(Trust);
}

rust::String clang_version() { return clang::getClangFullVersion(); }

} // namespace thinfarm
