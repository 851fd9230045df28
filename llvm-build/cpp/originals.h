// LLVM's own functions where ours have taken their names (build/link.rs), and the files that ours are in.

#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <type_traits>
#include <utility>

namespace llvm {
class AnalysisUsage;
class BitstreamCursor;
class MCSubtargetInfo;
class MVT;
class Module;
class PassInfo;
class PassRegistry;
class TargetLowering;
class TargetRegisterClass;
class TargetRegisterInfo;
struct PassRegistrationListener;
} // namespace llvm

namespace thinfarm {

// Each is in a file of replacements and does nothing. A linker takes a file from a library for what is missing by then,
// and LLVM, which calls ours, comes later: GNU ld would not look at our files again.
void linkAsmRegisters();
void linkDebugInfo();
void linkPassRegistry();
void linkProcessorFeatures();
void linkReadRecord();

// Members, so the object comes first. Whoever calls one includes LLVM's header and asserts that it `IsOriginal`.
namespace original {

llvm::Expected<unsigned>
readRecord(llvm::BitstreamCursor *, unsigned AbbreviationId, llvm::SmallVectorImpl<uint64_t> &Values,
           llvm::StringRef *Blob)
    asm("thinfarm_llvm_ZN4llvm15BitstreamCursor10readRecordEjRNS_15SmallVectorImplImEEPNS_9StringRefE");

llvm::Expected<unsigned> skipRecord(llvm::BitstreamCursor *, unsigned AbbreviationId)
    asm("thinfarm_llvm_ZN4llvm15BitstreamCursor10skipRecordEj");

std::pair<unsigned, const llvm::TargetRegisterClass *>
getRegForInlineAsmConstraint(const llvm::TargetLowering *, const llvm::TargetRegisterInfo *,
                             llvm::StringRef Constraint, llvm::MVT)
    asm("thinfarm_llvm_ZNK4llvm14TargetLowering28getRegForInlineAsmConstraintEPKNS_18TargetRegisterInfoENS_"
        "9StringRefENS_3MVTE");

void initMCProcessorInfo(llvm::MCSubtargetInfo *, llvm::StringRef Cpu, llvm::StringRef TuneCpu,
                         llvm::StringRef Features)
    asm("thinfarm_llvm_ZN4llvm15MCSubtargetInfo19InitMCProcessorInfoENS_9StringRefES1_S1_");

void setPreservesCFG(llvm::AnalysisUsage *)
    asm("thinfarm_llvm_ZN4llvm13AnalysisUsage15setPreservesCFGEv");

void registerPass(llvm::PassRegistry *, const llvm::PassInfo &, bool ShouldFree)
    asm("thinfarm_llvm_ZN4llvm12PassRegistry12registerPassERKNS_8PassInfoEb");

void enumerateWith(llvm::PassRegistry *, llvm::PassRegistrationListener *)
    asm("thinfarm_llvm_ZN4llvm12PassRegistry13enumerateWithEPNS_24PassRegistrationListenerE");

const llvm::PassInfo *getPassInfo(const llvm::PassRegistry *, const void *Id)
    asm("thinfarm_llvm_ZNK4llvm12PassRegistry11getPassInfoEPKv");

const llvm::PassInfo *getPassInfo(const llvm::PassRegistry *, llvm::StringRef Argument)
    asm("thinfarm_llvm_ZNK4llvm12PassRegistry11getPassInfoENS_9StringRefE");

// No member.
bool upgradeDebugInfo(llvm::Module &) asm("thinfarm_llvm_ZN4llvm16UpgradeDebugInfoERNS_6ModuleE");

} // namespace original

template <typename Member> struct MemberAsFunction;
template <typename Result, typename Class, typename... Args>
struct MemberAsFunction<Result (Class::*)(Args...)> {
  using Type = Result(Class *, Args...);
};
template <typename Result, typename Class, typename... Args>
struct MemberAsFunction<Result (Class::*)(Args...) const> {
  using Type = Result(const Class *, Args...);
};

// Whether a function has the parameters and the result of LLVM's `Member`, as its header has it.
template <typename Function, typename Member>
constexpr bool IsOriginal = std::is_same_v<Function, typename MemberAsFunction<Member>::Type>;

} // namespace thinfarm
