// LLVM looks for a register by comparing its name with those of all registers of all classes, each without regard
// to case, for every operand and every clobber of inline assembly. A kernel asks for the same few hundreds of
// times per file.
//
// A static link takes this definition, because the copy of LLVM's that is linked has another name
// (build/link.rs). The shared library keeps its own.

#include "asm_registers.h"
#include "originals.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/CodeGen/TargetLowering.h"

using namespace llvm;
using thinfarm::AsmRegisters;

static_assert(thinfarm::IsOriginal<decltype(thinfarm::original::getRegForInlineAsmConstraint),
                                   decltype(&TargetLowering::getRegForInlineAsmConstraint)>);

void thinfarm::linkAsmRegisters() {}

std::pair<unsigned, const TargetRegisterClass *>
TargetLowering::getRegForInlineAsmConstraint(const TargetRegisterInfo *Registers,
                                             StringRef Constraint, MVT Type) const {
  AsmRegisters *Memory = AsmRegisters::current();
  if (!Memory)
    return thinfarm::original::getRegForInlineAsmConstraint(this, Registers, Constraint, Type);
  const uintptr_t Asked[] = {uintptr_t(this), uintptr_t(Registers), uintptr_t(Type.SimpleTy)};
  SmallString<64> Key(StringRef(reinterpret_cast<const char *>(Asked), sizeof(Asked)));
  Key += Constraint;
  auto [Known, IsNew] = Memory->Known.try_emplace(Key);
  if (IsNew)
    Known->second = thinfarm::original::getRegForInlineAsmConstraint(this, Registers, Constraint, Type);
  return Known->second;
}
