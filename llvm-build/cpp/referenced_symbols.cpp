#include "referenced_symbols.h"

#include "llvm/ADT/DenseSet.h"

using namespace llvm;

namespace thinfarm {

// The function by which stack safety judges a call of Symbol, as `findCalleeFunctionSummary`
// (lib/Analysis/StackSafetyAnalysis.cpp) chooses it for a caller in another module; null if there is none.
static const FunctionSummary *callee(ValueInfo Symbol) {
  const GlobalValueSummary *Found = nullptr;
  for (const auto &Copy : Symbol.getSummaryList()) {
    const auto *Alias = dyn_cast<AliasSummary>(Copy.get());
    if (!Copy->isLive() || (Alias && !Alias->hasAliasee()) ||
        !isa<FunctionSummary>(Copy->getBaseObject()))
      continue;
    GlobalValue::LinkageTypes Linkage = Copy->linkage();
    if (GlobalValue::isExternalLinkage(Linkage) || GlobalValue::isWeakLinkage(Linkage)) {
      if (Found)
        return nullptr;
      Found = Copy.get();
    } else if (Symbol.getSummaryList().size() == 1 && !GlobalValue::isLocalLinkage(Linkage)) {
      Found = Copy.get();
    }
  }
  if (!Found || !Found->isLive() || !Found->isDSOLocal() || !Found->getBaseObject()->isDSOLocal())
    return nullptr;
  return cast<FunctionSummary>(Found->getBaseObject());
}

// Whether no other module knows it by its name: promotion makes it hidden, which says enough.
static bool isLocalName(ValueInfo Symbol) {
  auto Copies = Symbol.getSummaryList();
  GlobalValue::GUID Original = Copies.empty() ? 0 : Copies.front()->getOriginalName();
  return Original != 0 && Original != Symbol.getGUID();
}

ReferencedSymbols::ReferencedSymbols(ModuleSummaryIndex &Index)
    : Index(Index), WithoutName(Index.getOrInsertValueInfo(GlobalValue::GUID(0))) {
  bool Propagated = Index.withDSOLocalPropagation();
  bool HasAccesses = Index.hasParamAccess();
  // Before anything is changed: the copies that one symbol is judged by are aliasees of others.
  if (HasAccesses)
    for (auto &Global : Index) {
      ValueInfo Symbol = Index.getValueInfo(Global);
      const FunctionSummary *Callee = callee(Symbol);
      if (Callee && !Callee->paramAccesses().empty())
        Accesses[Symbol.getGUID()] = Callee->paramAccesses().vec();
    }
  for (auto &Global : Index) {
    auto Copies = Global.second.getSummaryList();
    if (Copies.size() < 2)
      continue;
    ValueInfo Symbol = Index.getValueInfo(Global);
    bool IsLocal = Symbol.isDSOLocal(Propagated);
    for (const auto &Copy : Copies) {
      Copy->setDSOLocal(IsLocal);
      if (auto *Function = dyn_cast<FunctionSummary>(Copy.get()); Function && HasAccesses)
        Function->setParamAccesses(accesses(Symbol));
    }
  }
}

std::vector<FunctionSummary::ParamAccess> ReferencedSymbols::accesses(ValueInfo Symbol) const {
  auto Found = Accesses.find(Symbol.getGUID());
  return Found == Accesses.end() ? std::vector<FunctionSummary::ParamAccess>() : Found->second;
}

void ReferencedSymbols::nameReferences(const GVSummaryMapTy &OfModule) const {
  for (const auto &[Guid, Summary] : OfModule) {
    // A summary gives its references for reading alone, but is not itself constant.
    for (const ValueInfo &Symbol : Summary->refs())
      if (!Symbol)
        const_cast<ValueInfo &>(Symbol) = WithoutName;
    if (auto *Function = dyn_cast<FunctionSummary>(Summary))
      for (FunctionSummary::EdgeTy &Edge : Function->mutableCalls())
        if (!Edge.first)
          Edge.first = WithoutName;
  }
}

void ReferencedSymbols::add(StringRef Id, ModuleToSummariesForIndexTy &Summaries,
                            Storage &Added) const {
  auto Own = Summaries.find(Id);
  if (Own == Summaries.end() || Own->second.empty())
    return;
  DenseSet<GlobalValue::GUID> Known;
  for (const auto &[Module, Globals] : Summaries)
    for (const auto &[Guid, Summary] : Globals)
      Known.insert(Guid);
  GVSummaryMapTy Referenced;
  auto Reference = [&](ValueInfo Symbol) {
    if (!Known.insert(Symbol.getGUID()).second)
      return;
    if (auto Summary = summary(Symbol)) {
      Summary->setModulePath(Index.modulePaths().find(Id)->getKey());
      Referenced[Symbol.getGUID()] = Summary.get();
      Added.push_back(std::move(Summary));
    }
  };
  for (const auto &[Module, Globals] : Summaries)
    for (const auto &[Guid, Summary] : Globals) {
      if (!Index.isGlobalValueLive(Summary))
        continue;
      // An alias is imported as a copy of what it stands for.
      const auto *Alias = dyn_cast<AliasSummary>(Summary);
      if (Alias && !Alias->hasAliasee())
        continue;
      const GlobalValueSummary *Object = Summary->getBaseObject();
      for (ValueInfo Symbol : Object->refs())
        Reference(Symbol);
      if (const auto *Function = dyn_cast<FunctionSummary>(Object))
        for (const FunctionSummary::EdgeTy &Edge : Function->calls())
          Reference(Edge.first);
    }
  Own->second.insert(Referenced.begin(), Referenced.end());
}

// A definition that cannot be imported and references nothing; null for a symbol of which an index need not say anything.
std::unique_ptr<GlobalValueSummary> ReferencedSymbols::summary(ValueInfo Symbol) const {
  if (isLocalName(Symbol))
    return nullptr;
  bool IsLocal = Symbol.isDSOLocal(Index.withDSOLocalPropagation());
  // A checked function counts for being named at all: its name is written with it.
  if (!IsLocal && Index.cfiFunctionDefs().forGuid(Symbol.getGUID()).empty())
    return nullptr;
  GlobalValueSummary::GVFlags Flags(GlobalValue::ExternalLinkage, GlobalValue::DefaultVisibility,
                                    /*NotEligibleToImport=*/true, /*Live=*/true, IsLocal,
                                    /*CanAutoHide=*/false, GlobalValueSummary::Definition);
  if (Index.hasParamAccess())
    if (auto Accesses = accesses(Symbol); !Accesses.empty())
      return std::make_unique<FunctionSummary>(
          Flags, /*NumInsts=*/0, FunctionSummary::FFlags{}, SmallVector<ValueInfo, 0>(),
          SmallVector<FunctionSummary::EdgeTy, 0>(), std::vector<GlobalValue::GUID>(),
          std::vector<FunctionSummary::VFuncId>(), std::vector<FunctionSummary::VFuncId>(),
          std::vector<FunctionSummary::ConstVCall>(), std::vector<FunctionSummary::ConstVCall>(),
          std::move(Accesses), std::vector<CallsiteInfo>(), std::vector<AllocInfo>());
  return std::make_unique<GlobalVarSummary>(
      Flags, GlobalVarSummary::GVarFlags(false, false, false, GlobalObject::VCallVisibilityPublic),
      SmallVector<ValueInfo, 0>());
}

} // namespace thinfarm
