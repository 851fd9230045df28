// Runs LLVM code so that its fatal errors and crashes come back as values.

#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include "rust/cxx.h"

#include <string>
#include <vector>

namespace thinfarm {

struct GuardOutcome {
  // Empty if the function returned.
  std::string Error;
  // A signal ended it, not a reported error.
  bool Crashed = false;
  // What LLVM was doing when it ended, a line each, the innermost first; may be empty.
  std::string Doing;
};

// Calls Fn on this thread. `report_fatal_error`, SIGSEGV and the like end Fn, not the process; what
// Fn owned at that moment is leaked.
GuardOutcome runGuarded(llvm::function_ref<void()> Fn);

inline llvm::StringRef ref(rust::Str Text) { return {Text.data(), Text.size()}; }
inline llvm::StringRef ref(const rust::String &Text) {
  return {Text.data(), Text.size()};
}
inline std::string str(const rust::String &Text) {
  return {Text.data(), Text.size()};
}
inline llvm::StringRef ref(rust::Slice<const uint8_t> Bytes) {
  return {reinterpret_cast<const char *>(Bytes.data()), Bytes.size()};
}
// What is not UTF-8 is replaced.
inline rust::String text(llvm::StringRef Text) {
  return rust::String::lossy(Text.data(), Text.size());
}
std::vector<std::string> strings(rust::Slice<const rust::String> Texts);

} // namespace thinfarm
