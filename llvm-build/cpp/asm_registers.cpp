// LLVM looks for a register by comparing its name with those of all registers of all classes, each without regard
// to case, for every operand and every clobber of inline assembly. A kernel asks for the same few hundreds of
// times per file.
//
// A static link takes this definition, because the copy of LLVM's that is linked has another name
// (build/link.rs). The shared library keeps its own.

#include "asm_registers.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/CodeGen/TargetLowering.h"

using namespace llvm;
using thinfarm::AsmRegisters;

// What `TargetLowering::getRegForInlineAsmConstraint` is called in the renamed copy.
std::pair<unsigned, const TargetRegisterClass *>
llvmRegForInlineAsmConstraint(const TargetLowering *Target, const TargetRegisterInfo *Registers,
                              StringRef Constraint,
                              MVT Type) asm("thinfarm_llvm_reg_for_inline_asm_constraint");

std::pair<unsigned, const TargetRegisterClass *>
TargetLowering::getRegForInlineAsmConstraint(const TargetRegisterInfo *Registers,
                                             StringRef Constraint, MVT Type) const {
  AsmRegisters *Memory = AsmRegisters::current();
  if (!Memory)
    return llvmRegForInlineAsmConstraint(this, Registers, Constraint, Type);
  const uintptr_t Asked[] = {uintptr_t(this), uintptr_t(Registers), uintptr_t(Type.SimpleTy)};
  SmallString<64> Key(StringRef(reinterpret_cast<const char *>(Asked), sizeof(Asked)));
  Key += Constraint;
  auto [Known, IsNew] = Memory->Known.try_emplace(Key);
  if (IsNew)
    Known->second = llvmRegForInlineAsmConstraint(this, Registers, Constraint, Type);
  return Known->second;
}
