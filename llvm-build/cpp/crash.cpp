// What becomes of a signal that ends programs, in a process that asks for it.
//
// LLVM has two handlers of its own. That of `CrashRecoveryContext` runs on the stack that may be full. That of
// `sys::RemoveFileOnSignal`, which comes into being when lld or clang's actions create an output, would remove the
// outputs of all jobs when one of them crashes. So this one stands before both, on a stack of its own.
//
// The rules of signal handlers hold for what is done here before the fate of the process is sealed: no lock is taken
// and nothing is allocated. LLVM's words for what it was doing may do both, so a job that dies of a fault is watched
// (rescue.cpp) before it is asked for them.

#include "crash.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "rescue.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace llvm;

namespace thinfarm {

namespace {

// Signals by which a job's own mistakes show.
constexpr int Faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
// Others for which LLVM removes files and prints a stack.
constexpr int Orders[] = {SIGQUIT, SIGSYS, SIGXCPU, SIGXFSZ};
// Those that LLVM handles as well, and that are not its business here.
constexpr int Foreign[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

// Room for the handler: it prints names of passes and functions, and a stack with symbols.
constexpr size_t SignalStackSize = 256 << 10;
// Faults so close to a stack are an overflow: functions have frames of some pages.
constexpr size_t NearStack = 1 << 20;
// How long the process waits for whoever clears up, in milliseconds.
constexpr int Patience = 5000;

class Stacks;
thread_local const Stacks *Own = nullptr;

// A stack that lives as long as its thread, and the bounds of the thread's own.
class Stacks {
public:
  Stacks() {
    size_t Page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    Size = SignalStackSize + Page;
    Memory = mmap(nullptr, Size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (Memory != MAP_FAILED) {
      mprotect(Memory, Page, PROT_NONE);
      stack_t Stack = {};
      Stack.ss_sp = static_cast<char *>(Memory) + Page;
      Stack.ss_size = SignalStackSize;
      sigaltstack(&Stack, nullptr);
    }
    pthread_attr_t Attributes;
    if (pthread_getattr_np(pthread_self(), &Attributes) == 0) {
      void *Lowest;
      if (pthread_attr_getstack(&Attributes, &Lowest, &ThreadSize) == 0)
        End = reinterpret_cast<uintptr_t>(Lowest);
      pthread_attr_destroy(&Attributes);
    }
  }
  ~Stacks() {
    Own = nullptr;
    if (Memory == MAP_FAILED)
      return;
    stack_t None = {};
    None.ss_flags = SS_DISABLE;
    sigaltstack(&None, nullptr);
    munmap(Memory, Size);
  }
  Stacks(const Stacks &) = delete;
  Stacks &operator=(const Stacks &) = delete;

  // The size of the thread's stack if this address is just beyond its end.
  size_t overflow(uintptr_t Address) const {
    return End && Address + NearStack >= End && Address < End + NearStack ? ThreadSize : 0;
  }

private:
  void *Memory;
  size_t Size;
  // Of the thread's own stack: the lowest address, 0 if it is not known, and bytes.
  uintptr_t End = 0;
  size_t ThreadSize = 0;
};

// What the handler leaves for the end of a guarded call. All of it is there before a signal comes.
struct Words {
  int Signal;
  size_t FullStack;
  size_t Length;
  std::array<char, 4096> Doing;
};

class WordsStream : public raw_ostream {
public:
  explicit WordsStream(Words &Into) : raw_ostream(/*unbuffered=*/true), Into(Into) { Into.Length = 0; }

private:
  void write_impl(const char *Text, size_t Size) override {
    Size = std::min(Size, Into.Doing.size() - Into.Length);
    std::memcpy(Into.Doing.data() + Into.Length, Text, Size);
    Into.Length += Size;
  }
  uint64_t current_pos() const override { return Into.Length; }

  Words &Into;
};

} // namespace

static thread_local Words Last;
static thread_local const void *Outer = nullptr;
// LLVM is asked what it was doing, which may crash again.
static thread_local bool IsAsking = false;

static std::vector<std::string> Arguments;
static std::vector<const char *> ArgumentPointers;
static std::string Message;
static std::string Symbolizer;

static sem_t Crashed, ClearedUp;
static std::atomic<bool> IsWatched{false};
static std::atomic<bool> Contains{false};

bool contains_crashes() { return Contains; }

void useSignalStack() {
  if (!Contains)
    return;
  static thread_local const Stacks Ones;
  Own = &Ones;
}

const void *setOuterActivities(const void *Entries) {
  return std::exchange(Outer, Entries);
}

void forgetLastWords() { Last.Signal = 0, Last.FullStack = 0, Last.Length = 0; }

LastWords lastWords() { return {Last.Signal, Last.FullStack, {Last.Doing.data(), Last.Length}}; }

void leaveGuardedCall(int Signal, size_t FullStack) {
  CrashRecoveryContext *Context = CrashRecoveryContext::GetCurrent();
  if (!Context)
    return;
  // Before anything that may wait for a lock which the crashed code holds: then this job is given up as well.
  if (Signal != 0)
    noteCrash();
  if (!IsAsking) {
    IsAsking = true;
    Last.Signal = Signal;
    Last.FullStack = FullStack;
    WordsStream OS(Last);
    for (auto *Entry = static_cast<const PrettyStackTraceEntry *>(SavePrettyStackState());
         Entry && Entry != Outer; Entry = Entry->getNextEntry())
      Entry->print(OS);
  }
  IsAsking = false;
  Context->HandleExit(128 + Signal);
}

// Lets another thread remove what the process made: that takes locks and memory.
static void clearUp() {
  if (!IsWatched)
    return;
  sem_post(&Crashed);
  for (int Waited = 0; Waited < Patience && sem_trywait(&ClearedUp) != 0; ++Waited) {
    timespec Millisecond = {0, 1000000};
    nanosleep(&Millisecond, nullptr);
  }
}

[[noreturn]] static void endProcess(int Signal) {
  static std::atomic<long> Ending{0};
  long Nobody = 0, Self = syscall(SYS_gettid);
  if (Ending.compare_exchange_strong(Nobody, Self)) {
    clearUp();
    // Only the main thread has them among LLVM's entries.
    alignas(PrettyStackTraceProgram) static char Place[sizeof(PrettyStackTraceProgram)];
    if (Self != getpid() && !ArgumentPointers.empty())
      new (Place) PrettyStackTraceProgram(static_cast<int>(ArgumentPointers.size()), ArgumentPointers.data());
    // It is beside the programs of LLVM, not beside this one, and seldom on PATH under this name.
    setenv("LLVM_SYMBOLIZER_PATH", Symbolizer.c_str(), /*overwrite=*/0);
    sys::CleanupOnSignal(static_cast<uintptr_t>(Signal));
  } else if (Nobody != Self) {
    for (;;)
      pause();
  }
  // A crash while telling of a crash comes here at once. The parent and the core file see the signal itself.
  struct sigaction Default = {};
  Default.sa_handler = SIG_DFL;
  sigaction(Signal, &Default, nullptr);
  sigset_t Set;
  sigemptyset(&Set);
  sigaddset(&Set, Signal);
  pthread_sigmask(SIG_UNBLOCK, &Set, nullptr);
  raise(Signal);
  _exit(128 + Signal);
}

static void onSignal(int Signal, siginfo_t *Info, void *) {
  // Somebody else's `kill` is meant for the process.
  bool IsOwn = Info->si_code > 0 || Info->si_pid == getpid();
  if (IsOwn && std::find(std::begin(Faults), std::end(Faults), Signal) != std::end(Faults)) {
    bool HasAddress = Info->si_code > 0 && (Signal == SIGSEGV || Signal == SIGBUS);
    leaveGuardedCall(Signal, HasAddress && Own ? Own->overflow(reinterpret_cast<uintptr_t>(Info->si_addr)) : 0);
  }
  endProcess(Signal);
}

static void handle(int Signal) {
  struct sigaction Before;
  if (sigaction(Signal, nullptr, &Before) == 0 && Before.sa_handler == SIG_IGN)
    return;
  struct sigaction Ours = {};
  Ours.sa_sigaction = onSignal;
  // Not blocked in the handler, which may be left without returning.
  Ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(Signal, &Ours, nullptr);
}

// What the process does about signals, put back when this is gone.
class KeptActions {
public:
  explicit KeptActions(ArrayRef<int> Signals) : Signals(Signals), Actions(Signals.size()) {
    for (size_t I = 0; I < Signals.size(); ++I)
      sigaction(Signals[I], nullptr, &Actions[I]);
  }
  ~KeptActions() {
    for (size_t I = 0; I < Signals.size(); ++I)
      sigaction(Signals[I], &Actions[I], nullptr);
  }
  KeptActions(const KeptActions &) = delete;
  KeptActions &operator=(const KeptActions &) = delete;

private:
  ArrayRef<int> Signals;
  SmallVector<struct sigaction> Actions;
};

void enableGuardedCalls() {
  static std::once_flag Once;
  std::call_once(Once, [] {
    // LLVM can leave a call only where it has handlers for faults, or believes so.
    KeptActions Kept(Faults);
    CrashRecoveryContext::Enable();
  });
}

void contain_crashes() {
  static std::once_flag Once;
  std::call_once(Once, [] {
    enableGuardedCalls();
    {
      // Each installs its handlers once, so these places are ours from now on.
      KeptActions KeptForeign(Foreign), KeptOrders(Orders);
      EnablePrettyStackTrace();
      static const std::string Program = sys::fs::getMainExecutable(nullptr, nullptr);
      sys::PrintStackTraceOnErrorSignal(Program);
    }
    for (int Signal : Faults)
      handle(Signal);
    for (int Signal : Orders)
      handle(Signal);
    Symbolizer = ref(llvm_programs()).str() + "/llvm-symbolizer";
    sem_init(&Crashed, 0, 0);
    sem_init(&ClearedUp, 0, 0);
    Contains = true;
    useSignalStack();
  });
}

void describe_program(rust::Slice<const Argument> Args, rust::Str Advice) {
  contain_crashes();
  for (const Argument &Arg : Args)
    Arguments.emplace_back(reinterpret_cast<const char *>(Arg.bytes.data()), Arg.bytes.size());
  for (const std::string &Arg : Arguments)
    ArgumentPointers.push_back(Arg.c_str());
  // It stays at the bottom of this thread's entries for good.
  new PrettyStackTraceProgram(static_cast<int>(ArgumentPointers.size()), ArgumentPointers.data());
  Message = getBugReportMsg();
  Message.append(Advice.data(), Advice.size());
  setBugReportMsg(Message.c_str());
}

void wait_for_crash() {
  IsWatched = true;
  while (sem_wait(&Crashed) != 0 && errno == EINTR) {
  }
}

void crash_is_cleared_up() { sem_post(&ClearedUp); }

void remove_files_of_llvm() { sys::RunInterruptHandlers(); }

} // namespace thinfarm
