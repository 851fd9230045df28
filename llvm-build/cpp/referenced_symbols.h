// What a link knows of the symbols that a module references and does not define.
//
// LLVM's own backends of a link see the whole combined index, and three things come of it for a symbol of another module
// that is not imported: it is reached directly if the link defines it (`processGlobalForThinLTO`,
// lib/Transforms/Utils/FunctionImportUtils.cpp), a checked function is called past its jump table
// (`importFunction`, lib/Transforms/IPO/LowerTypeTests.cpp), and memory that a callee uses well need not be tagged
// (`resolveAllCalls`, lib/Analysis/StackSafetyAnalysis.cpp). The index that LLVM writes for one module lacks all that. So
// such symbols get summaries here that stand beside the module's own: whoever reads that index, clang too, compiles what
// lld's backends do.

#pragma once

#include "llvm/IR/ModuleSummaryIndex.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace thinfarm {

class ReferencedSymbols {
public:
  // Makes the copies of each symbol in Index agree, because the index of a module has only some of them. Index must not
  // change afterwards.
  explicit ReferencedSymbols(llvm::ModuleSummaryIndex &Index);

  // Summaries that only one index is written with.
  using Storage = std::vector<std::unique_ptr<llvm::GlobalValueSummary>>;

  // Adds what Summaries, which the index of the module called Id in it is to have, reference besides. Threads may do this
  // at once.
  void add(llvm::StringRef Id, llvm::ModuleToSummariesForIndexTy &Summaries, Storage &Added) const;

  // Puts a symbol without a name where summaries refer to nothing: LLVM's reader of summaries does not know ifuncs
  // (`parseModule` of `ModuleSummaryIndexBitcodeReader`, lib/Bitcode/Reader/BitcodeReader.cpp), and its writer of indexes
  // dies of what it reads instead. Threads may do this at once for the summaries of different modules.
  void nameReferences(const llvm::GVSummaryMapTy &OfModule) const;

private:
  std::unique_ptr<llvm::GlobalValueSummary> summary(llvm::ValueInfo Symbol) const;
  // What the function by which a call of Symbol is judged does with its parameters.
  std::vector<llvm::FunctionSummary::ParamAccess> accesses(llvm::ValueInfo Symbol) const;

  const llvm::ModuleSummaryIndex &Index;
  llvm::ValueInfo WithoutName;
  // Of symbols that have any: only a link with memory tagging has such.
  std::unordered_map<llvm::GlobalValue::GUID, std::vector<llvm::FunctionSummary::ParamAccess>> Accesses;
};

} // namespace thinfarm
