// What becomes of a signal that ends programs: SIGSEGV, SIGABRT and their like.

#pragma once

#include "rust/cxx.h"

#include <string>

namespace thinfarm {

struct Argument;

// Lets a guarded call (guard.h) be left. No signal has another handler than before. Idempotent.
void enableGuardedCalls();

// Takes over these signals. In a guarded call they end that call. Anywhere else they end the process, which says what
// ld.lld says. Idempotent.
void contain_crashes();
bool contains_crashes();

// Gives this thread a stack for its signal handlers, if crashes are contained, so that an overflow of its own one can be
// told of.
void useSignalStack();

// What ended the last guarded call of this thread.
struct LastWords {
  // That which ended it (`rescueSignal` is one), or 0 for an error that LLVM calls fatal.
  int Signal = 0;
  // The thread's stack was full, of so many bytes.
  size_t FullStack = 0;
  // What LLVM was doing, a line each, the innermost first.
  std::string Doing;
};
LastWords lastWords();
void forgetLastWords();

// Notes what LLVM is doing on this thread, for `lastWords`, and ends the guarded call. Returns if there is none.
void leaveGuardedCall(int Signal, size_t FullStack = 0);

// The activities of LLVM that a guarded call is part of, which are not told of. Returns those of the call around it.
const void *setOuterActivities(const void *Entries);

void describe_program(rust::Slice<const Argument> Args, rust::Str Advice);
void wait_for_crash();
void crash_is_cleared_up();
void remove_files_of_llvm();

} // namespace thinfarm
