// Objects that lld takes as they are, without a copy.
//
// `BitcodeCompiler` (lld/ELF/LTO.cpp) keeps copies of the objects that backends write, and references to those that a
// cache found. It asks LLVM's `localCache` for a cache if it is told of a directory, and gives it the function that
// takes such objects. In the copy of lld's library that is linked here these calls have other names
// (build/lld.rs), so that function can be called here for all objects. A link without a cache is told of a directory
// that cannot be, and has none still.

#include "lld_objects.h"

#include "bridge.h"
#include "llvm-build/src/bridge.rs.h"

#include "llvm/Support/CachePruning.h"
#include "llvm/Support/Caching.h"
#include "llvm/Support/MemoryBuffer.h"

#include <type_traits>

using namespace llvm;

namespace thinfarm {

// No file is below this one.
static constexpr StringLiteral NoDirectory = "/dev/null/thinfarm";

// One link at a time.
static bool MayLend = false;
// The objects are not of LLVM's own backends.
static bool HasFarm = false;
// They are cached, in the directory that lld was told of.
static bool CachesAsLld = false;
// What takes an object, if it may be lent.
static AddBufferFn Take;
// lld prunes a cache of its own.
static bool Prunes = false;
// See `countForPruning`, by task. Of null pointers only the number counts.
static std::vector<std::unique_ptr<MemoryBuffer>> Counted;

void setLending(bool May) {
  MayLend = May;
  // What the link before this one left.
  HasFarm = CachesAsLld = Prunes = false;
  Take = nullptr;
  Counted.clear();
}
void setFarm(bool CachesAsLld) {
  HasFarm = true;
  thinfarm::CachesAsLld = CachesAsLld;
}

std::string argumentForLending() { return ("--thinlto-cache-dir=" + NoDirectory).str(); }

namespace {

class LentObject : public MemoryBuffer {
public:
  explicit LentObject(const LinkObject &Object) : Contents(Object.contents->share()) {
    rust::Slice<const uint8_t> Bytes = Contents->bytes();
    const char *Begin = reinterpret_cast<const char *>(Bytes.data());
    init(Begin, Begin + Bytes.size(), /*RequiresNullTerminator=*/false);
  }

  BufferKind getBufferKind() const override { return MemoryBuffer_MMap; }

private:
  rust::Box<Mapped> Contents;
};

} // namespace

bool lendObject(const LinkObject &Object) {
  if (!Take)
    return false;
  Take(Object.task, StringRef(Object.module.data(), Object.module.size()),
       std::make_unique<LentObject>(Object));
  return true;
}

void countForPruning(const LinkObject &Object) {
  // Each keeps an object in memory, or its file open.
  if (!Prunes || !CachesAsLld)
    return;
  if (Counted.size() <= Object.task)
    Counted.resize(Object.task + 1);
  Counted[Object.task] = std::make_unique<LentObject>(Object);
}

// Takes the place of LLVM's `localCache`, as lld calls it.
Expected<FileCache> farmCache(const Twine &Name, const Twine &Prefix, const Twine &Directory,
                              AddBufferFn AddBuffer) asm("thinfarm_local_cache");
static_assert(std::is_same_v<decltype(farmCache), decltype(localCache)>);

Expected<FileCache> farmCache(const Twine &Name, const Twine &Prefix, const Twine &Directory,
                              AddBufferFn AddBuffer) {
  if (MayLend)
    Take = AddBuffer;
  if (Directory.str() == NoDirectory)
    return FileCache();
  Prunes = true;
  return localCache(Name, Prefix, Directory, std::move(AddBuffer));
}

// The same for `pruneCache`, which warns of a link whose objects are more than the cache may hold. What lld has of them
// tells nothing: it may be lent, or a copy, and in another cache than this one or in none.
bool farmPrune(StringRef Directory, CachePruningPolicy Policy,
               const std::vector<std::unique_ptr<MemoryBuffer>> &Files) asm("thinfarm_prune_cache");
static_assert(std::is_same_v<decltype(farmPrune), decltype(pruneCache)>);

bool farmPrune(StringRef Directory, CachePruningPolicy Policy,
               const std::vector<std::unique_ptr<MemoryBuffer>> &Files) {
  if (Directory == NoDirectory)
    return false;
  if (!HasFarm)
    return pruneCache(Directory, Policy, Files);
  // lld has a place for each task, empty ones too.
  if (CachesAsLld)
    Counted.resize(Files.size());
  else
    Counted.clear();
  return pruneCache(Directory, Policy, Counted);
}

} // namespace thinfarm
