// LLVM's registry of passes, with look-ups that take no lock.
//
// The pass managers of code generation look passes up a thousand times per job, and LLVM's registry takes a
// read lock each time: every core writes to one cache line. Passes are registered once and stay for as long as
// the process, so a look-up needs no lock if it only ever sees what is complete. A hundred times per job
// code generation also asks for all passes, to find those that only look at the control flow graph; they are
// kept apart.
//
// A static link takes these definitions: LLVM's, all of the registry's and `setPreservesCFG`, have other names there
// (build/link.rs), so that a link fails if a later LLVM has one more. The shared library keeps its own.

#include "originals.h"

#include "llvm/PassRegistry.h"
#include "llvm/ADT/DenseMapInfo.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Pass.h"
#include "llvm/PassInfo.h"

#include <atomic>
#include <memory>
#include <mutex>

using namespace llvm;

void thinfarm::linkPassRegistry() {}

namespace {

// A hash table that only grows. One thread at a time adds, any number look up.
class PassTable {
public:
  // `Smaller` may have readers still, so it lives on.
  explicit PassTable(size_t Size, std::unique_ptr<PassTable> Smaller = nullptr)
      : Slots(std::make_unique<Slot[]>(Size)), Mask(Size - 1), Smaller(std::move(Smaller)) {
    if (this->Smaller)
      this->Smaller->forEach([this](const PassInfo &Info) { add(Info); });
  }

  bool isHalfFull() const { return Used * 2 > Mask; }
  size_t size() const { return Mask + 1; }

  void add(const PassInfo &Info) {
    for (size_t I = hash(Info.getTypeInfo());; ++I) {
      Slot &S = Slots[I & Mask];
      if (S.load(std::memory_order_relaxed))
        continue;
      // Whoever sees the pointer sees what it points to.
      S.store(&Info, std::memory_order_release);
      ++Used;
      return;
    }
  }

  const PassInfo *find(const void *Id) const {
    for (size_t I = hash(Id);; ++I) {
      const PassInfo *Info = Slots[I & Mask].load(std::memory_order_acquire);
      if (!Info || Info->getTypeInfo() == Id)
        return Info;
    }
  }

  template <typename Fn> void forEach(Fn Do) const {
    for (size_t I = 0; I <= Mask; ++I)
      if (const PassInfo *Info = Slots[I].load(std::memory_order_acquire))
        Do(*Info);
  }

private:
  using Slot = std::atomic<const PassInfo *>;

  static size_t hash(const void *Id) { return DenseMapInfo<uintptr_t>::getHashValue(uintptr_t(Id)); }

  const std::unique_ptr<Slot[]> Slots;
  const size_t Mask;
  size_t Used = 0;
  const std::unique_ptr<PassTable> Smaller;
};

// The table that readers use, and a larger one when it fills.
class PassSet {
public:
  explicit PassSet(size_t Size) : Table(new PassTable(Size)) {}

  const PassTable &get() const { return *Table.load(std::memory_order_acquire); }

  // The registry's lock is held.
  void add(const PassInfo &Info) {
    PassTable *Now = Table.load(std::memory_order_relaxed);
    if (Now->find(Info.getTypeInfo()))
      return;
    if (Now->isHalfFull()) {
      Now = new PassTable(Now->size() * 2, std::unique_ptr<PassTable>(Now));
      Table.store(Now, std::memory_order_release);
    }
    Now->add(Info);
  }

private:
  std::atomic<PassTable *> Table;
};

} // namespace

static PassSet &passes() {
  static PassSet Passes(1024);
  return Passes;
}

static PassSet &cfgOnlyPasses() {
  static PassSet Passes(32);
  return Passes;
}

PassRegistry *PassRegistry::getPassRegistry() {
  static PassRegistry Registry;
  return &Registry;
}

PassRegistry::~PassRegistry() = default;

const PassInfo *PassRegistry::getPassInfo(const void *Id) const {
  return passes().get().find(Id);
}

const PassInfo *PassRegistry::getPassInfo(StringRef Argument) const {
  sys::SmartScopedReader<true> Guard(Lock);
  return PassInfoStringMap.lookup(Argument);
}

void PassRegistry::registerPass(const PassInfo &Info, bool ShouldFree) {
  sys::SmartScopedWriter<true> Guard(Lock);
  passes().add(Info);
  if (Info.isCFGOnlyPass())
    cfgOnlyPasses().add(Info);
  PassInfoStringMap[Info.getPassArgument()] = &Info;
  for (PassRegistrationListener *Listener : Listeners)
    Listener->passRegistered(&Info);
  if (ShouldFree)
    ToFree.emplace_back(&Info);
}

void PassRegistry::enumerateWith(PassRegistrationListener *Listener) {
  passes().get().forEach([&](const PassInfo &Info) { Listener->passEnumerate(&Info); });
}

void PassRegistry::addRegistrationListener(PassRegistrationListener *Listener) {
  sys::SmartScopedWriter<true> Guard(Lock);
  Listeners.push_back(Listener);
}

void PassRegistry::removeRegistrationListener(PassRegistrationListener *Listener) {
  sys::SmartScopedWriter<true> Guard(Lock);
  erase(Listeners, Listener);
}

void AnalysisUsage::setPreservesCFG() {
  cfgOnlyPasses().get().forEach(
      [&](const PassInfo &Info) { Preserved.push_back(Info.getTypeInfo()); });
}
