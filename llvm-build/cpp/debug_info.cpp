// `UpgradeDebugInfo`, which the reader of bitcode calls for every module that it has read whole, and the importer for
// every module that it has taken something from. It verifies the module, and strips debug information that is not valid.
//
// Ours leaves that out where debug information is trusted (debug_info.h). Where it is not, a scope that is within
// itself is found first: LLVM's verifier would follow it for ever.
//
// A static link takes this definition: LLVM's has another name there (build/link.rs). The shared library keeps its own.

#include "debug_info.h"
#include "originals.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/AutoUpgrade.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/DebugProgramInstruction.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;

void thinfarm::linkDebugInfo() {}

static_assert(std::is_same_v<decltype(thinfarm::original::upgradeDebugInfo), decltype(UpgradeDebugInfo)>);

namespace {

// Follows the chains that LLVM follows without an end of its own: of lexical blocks outwards, and of calls that were
// inlined. What is not as it should be in other ways ends a chain; the verifier looks at that.
class EndlessChains {
public:
  bool has(const DebugLoc &Location) {
    const auto *At = dyn_cast_or_null<DILocation>(static_cast<const Metadata *>(Location.getAsMDNode()));
    return At && (isEndless(At, inlinedAt) || scopesOf(At));
  }

  bool hasScope(const Metadata *Scope) { return isEndless(Scope, outer); }

private:
  static const Metadata *inlinedAt(const Metadata *Node) {
    const auto *Location = dyn_cast_or_null<DILocation>(Node);
    return Location ? Location->getRawInlinedAt() : nullptr;
  }

  static const Metadata *outer(const Metadata *Node) {
    const auto *Block = dyn_cast_or_null<DILexicalBlockBase>(Node);
    return Block ? Block->getRawScope() : nullptr;
  }

  // The chain of calls has an end.
  bool scopesOf(const DILocation *At) {
    for (const Metadata *Node = At; Node; Node = inlinedAt(Node))
      if (const auto *Location = dyn_cast<DILocation>(Node); Location && hasScope(Location->getRawScope()))
        return true;
    return false;
  }

  bool isEndless(const Metadata *Node, const Metadata *(*Next)(const Metadata *)) {
    SmallPtrSet<const Metadata *, 16> Path;
    for (; Node && !HaveEnds.contains(Node); Node = Next(Node))
      if (!Path.insert(Node).second)
        return true;
    HaveEnds.insert(Path.begin(), Path.end());
    return false;
  }

  // No node is of both kinds of chain.
  DenseSet<const Metadata *> HaveEnds;
};

} // namespace

static bool isEndless(EndlessChains &Chains, DbgRecord &Record) {
  if (Chains.has(Record.getDebugLoc()))
    return true;
  const Metadata *Described = nullptr;
  if (auto *Variable = dyn_cast<DbgVariableRecord>(&Record))
    Described = Variable->getRawVariable();
  else if (auto *Label = dyn_cast<DbgLabelRecord>(&Record))
    Described = Label->getRawLabel();
  if (const auto *Variable = dyn_cast_or_null<DILocalVariable>(Described))
    return Chains.hasScope(Variable->getRawScope());
  if (const auto *Label = dyn_cast_or_null<DILabel>(Described))
    return Chains.hasScope(Label->getRawScope());
  return false;
}

static bool hasEndlessChain(Module &M) {
  EndlessChains Chains;
  for (Function &F : M)
    for (BasicBlock &Block : F)
      for (Instruction &I : Block) {
        if (Chains.has(I.getDebugLoc()))
          return true;
        for (DbgRecord &Record : I.getDbgRecordRange())
          if (isEndless(Chains, Record))
            return true;
      }
  return false;
}

bool llvm::UpgradeDebugInfo(Module &M) {
  if (thinfarm::TrustedDebugInfo::isGiven())
    return false;
  if (hasEndlessChain(M))
    report_fatal_error("the debug information of " + Twine(M.getModuleIdentifier()) +
                           " is damaged: a scope is within itself",
                       /*gen_crash_diag=*/false);
  return thinfarm::original::upgradeDebugInfo(M);
}
