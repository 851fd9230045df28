// Process-wide state of LLVM: targets, options, and calls that its fatal errors end.

#include "bridge.h"
#include "crash.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "originals.h"
#include "rescue.h"

#include "clang/Basic/Version.h"
#include "llvm-c/Core.h"
#include "llvm-c/TargetMachine.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/InitializePasses.h"
#include "llvm/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <ios>
#include <mutex>
#include <utility>

using namespace llvm;

namespace thinfarm {

// What inkwell and cxx call of LLVM and of the C++ library. GNU ld takes from a library only what is missing when it comes
// to it, and it comes to these two after LLVM: so it is missed here, before.
static const std::ios_base::Init Streams;
[[gnu::used]] static const void *const CalledByOthers[] = {
    reinterpret_cast<const void *>(LLVMGetVersion), reinterpret_cast<const void *>(LLVMGetFirstTarget),
    reinterpret_cast<const void *>(LLVMGetNextTarget), reinterpret_cast<const void *>(LLVMGetTargetName)};

static thread_local std::string FatalReason;

// LLVM calls this instead of ending the process. Outside a guarded call that is lld's business, as in
// ld.lld: to say why, and to return, so that LLVM ends the process.
static void onFatalError(void *, const char *Reason, bool) {
  FatalReason = Reason;
  leaveGuardedCall(/*Signal=*/0);
  errs() << "LLVM ERROR: " << Reason << '\n';
}

void initialize() {
  static std::once_flag Once;
  std::call_once(Once, [] {
#ifdef THINFARM_STATIC_LLVM
    linkAsmRegisters();
    linkDebugInfo();
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
    enableGuardedCalls();
    install_fatal_error_handler(onFatalError);
  });
}

// Why a signal ended the call.
static std::string reasonOfCrash(const LastWords &Words) {
  if (Words.Signal == rescueSignal())
    return "given up: it has not gone on since LLVM crashed in another job, which may hold a lock for ever";
  if (Words.FullStack)
    return "LLVM has run out of stack (" + std::to_string(Words.FullStack >> 20) + " MiB)";
  return std::string("LLVM crashed (") + strsignal(Words.Signal) + ")";
}

GuardOutcome runGuarded(function_ref<void()> Fn) {
  useSignalStack();
  FatalReason.clear();
  forgetLastWords();
  const void *Activities = SavePrettyStackState();
  const void *Outer = setOuterActivities(Activities);
  CrashRecoveryContext Context;
  GuardOutcome Outcome;
  bool Returned = Context.RunSafely(Fn);
  setOuterActivities(Outer);
  if (Returned)
    return Outcome;
  // Their entries were on a part of the stack that is gone.
  RestorePrettyStackState(Activities);
  LastWords Words = lastWords();
  Outcome.Doing = std::move(Words.Doing);
  Outcome.Crashed = Words.Signal != 0;
  Outcome.Error = Outcome.Crashed ? reasonOfCrash(Words) : FatalReason;
  // An empty one would say that all is well.
  if (Outcome.Error.empty())
    Outcome.Error = "LLVM gave up without a reason";
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
  // What comes before an option that LLVM rejects has its value by then, and would have it in the next run.
  if (!cl::ParseCommandLineOptions(static_cast<int>(Argv.size()), Argv.data(), "", &OS))
    cl::ResetAllOptionOccurrences();
  return text(Complaint);
}

void reset_llvm_args() { cl::ResetAllOptionOccurrences(); }

// The option that LLVM finds by `Name`, if it finds one: of this name, or one whose value may follow without a `=`.
static const cl::Option *optionOf(StringRef Name) {
  auto &Registered = cl::getRegisteredOptions();
  if (auto Found = Registered.find(Name); Found != Registered.end())
    return Found->second;
  for (StringRef Beginning = Name.drop_back(); !Beginning.empty(); Beginning = Beginning.drop_back())
    if (auto Found = Registered.find(Beginning);
        Found != Registered.end() && is_contained({cl::Prefix, cl::AlwaysPrefix}, Found->second->getFormattingFlag()))
      return Found->second;
  return nullptr;
}

rust::String unknown_llvm_arg(rust::Slice<const rust::String> Args) {
  bool IsValue = false;
  for (const rust::String &Arg : Args) {
    StringRef Word(Arg.data(), Arg.size());
    if (std::exchange(IsValue, false) || !Word.starts_with("-") || Word == "-")
      continue;
    auto [Name, Value] = Word.ltrim('-').split('=');
    const cl::Option *Option = Name.empty() ? nullptr : optionOf(Name);
    if (!Option)
      return Arg;
    IsValue = !Word.contains('=') && Option->ArgStr == Name &&
              Option->getValueExpectedFlag() == cl::ValueRequired;
  }
  return {};
}

rust::String clang_version() { return clang::getClangFullVersion(); }

} // namespace thinfarm
