// Which registers the operands of inline assembly may be in, remembered while a job runs.

#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/CodeGen/TargetRegisterInfo.h"

namespace thinfarm {

// While there is one on a thread, `TargetLowering::getRegForInlineAsmConstraint` remembers its answers in it, where
// LLVM is linked statically. They hold for as long as the targets they were given for live, which a job
// ends, so there is one per job.
class AsmRegisters {
public:
  AsmRegisters() { Current = this; }
  ~AsmRegisters() { Current = nullptr; }
  AsmRegisters(const AsmRegisters &) = delete;
  AsmRegisters &operator=(const AsmRegisters &) = delete;

  static AsmRegisters *current() { return Current; }

  llvm::StringMap<std::pair<unsigned, const llvm::TargetRegisterClass *>> Known;

private:
  static inline thread_local AsmRegisters *Current = nullptr;
};

} // namespace thinfarm
