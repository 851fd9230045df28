// The pruning of a cache directory: LLVM's own, as lld does it.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "llvm/Support/CachePruning.h"
#include "llvm/Support/Error.h"

using namespace llvm;

namespace thinfarm {

rust::String check_pruning_policy(rust::Str Policy) {
  Expected<CachePruningPolicy> Parsed = parseCachePruningPolicy(ref(Policy));
  return Parsed ? rust::String() : text(toString(Parsed.takeError()));
}

rust::String prune_cache(rust::Slice<const uint8_t> Directory, rust::Str Policy, bool &Pruned) {
  Expected<CachePruningPolicy> Parsed = parseCachePruningPolicy(ref(Policy));
  if (!Parsed)
    return text(toString(Parsed.takeError()));
  StringRef Path(reinterpret_cast<const char *>(Directory.data()), Directory.size());
  // A fatal error if the size of the disk is not known, for example because the directory is gone.
  GuardOutcome Outcome = runGuarded([&] { Pruned = pruneCache(Path, *Parsed); });
  return text(Outcome.Error);
}

} // namespace thinfarm
