// What one backend job hands back.

#pragma once

#include "rust/cxx.h"

#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <string>

namespace thinfarm {

struct LinkMessage;
struct StageTimes;

class BackendResult {
public:
  BackendResult();
  ~BackendResult();

  bool ok() const { return Error.empty(); }
  bool crashed() const { return Crashed; }
  rust::String error() const { return rust::String::lossy(Error); }
  rust::String doing() const { return rust::String::lossy(Doing); }
  rust::String diagnostics() const { return rust::String::lossy(Diagnostics); }
  uint32_t warnings() const { return Warnings; }
  uint32_t errors() const { return Errors; }
  rust::Slice<const uint8_t> object() const {
    return {reinterpret_cast<const uint8_t *>(Object.data()), Object.size()};
  }
  StageTimes times() const;
  rust::Vec<LinkMessage> messages() const;

  // Why the job failed, empty if it did not.
  std::string Error;
  // LLVM crashed: what its locks guarded can no longer be trusted.
  bool Crashed = false;
  // What it was doing when it ended in the middle of something, a line each, the innermost first.
  std::string Doing;
  // Warnings and errors as clang words them, a line or more each.
  std::string Diagnostics;
  // The same as lld words them, without a program's name.
  rust::Vec<LinkMessage> Messages;
  uint32_t Warnings = 0;
  uint32_t Errors = 0;
  llvm::SmallVector<char, 0> Object;
  std::unique_ptr<StageTimes> Times;
};

} // namespace thinfarm
