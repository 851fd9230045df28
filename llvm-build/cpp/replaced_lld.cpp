// What lld calls in the places of LLVM's functions for a cache, compared with those. See src/replaced.rs.

#include "comparison.h"
#include "lld_objects.h"
#include "replaced.h"

#include "llvm-build/src/bridge.rs.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/Caching.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <unistd.h>

using namespace llvm;

namespace thinfarm {

// The names by which the copy of lld's library calls them.
Expected<FileCache> cacheForLld(const Twine &Name, const Twine &Prefix, const Twine &Directory,
                                AddBufferFn AddBuffer) asm("thinfarm_local_cache");
static_assert(std::is_same_v<decltype(cacheForLld), decltype(localCache)>);
bool pruneForLld(StringRef Directory, CachePruningPolicy Policy,
                 const std::vector<std::unique_ptr<MemoryBuffer>> &Files)
    asm("thinfarm_prune_cache");
static_assert(std::is_same_v<decltype(pruneForLld), decltype(pruneCache)>);

namespace {

// A directory that is removed with all in it.
class Scratch {
public:
  Scratch() {
    if (std::error_code Failed = sys::fs::createUniqueDirectory("thinfarm-replaced", Path))
      report_fatal_error("no temporary directory: " + Twine(Failed.message()));
  }
  ~Scratch() { sys::fs::remove_directories(Path); }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  std::string operator/(StringRef Name) const { return (Path + "/" + Name).str(); }

private:
  SmallString<128> Path;
};

// What a call writes to standard error about caches. What others write there meanwhile is passed on.
class StandardError {
public:
  explicit StandardError(const Scratch &In) : Path(In / "stderr") {
    int Instead = -1;
    if (sys::fs::openFileForWrite(Path, Instead))
      report_fatal_error("cannot write " + Twine(Path));
    Saved = dup(STDERR_FILENO);
    dup2(Instead, STDERR_FILENO);
    close(Instead);
  }

  std::string take() {
    dup2(Saved, STDERR_FILENO);
    close(Saved);
    std::string About;
    if (auto Written = MemoryBuffer::getFile(Path))
      for (StringRef Line : split((*Written)->getBuffer(), '\n')) {
        if (Line.contains("cach"))
          About += (Line + "\n").str();
        else if (!Line.empty())
          errs() << Line << '\n';
      }
    return About;
  }

private:
  std::string Path;
  int Saved = -1;
};

using Contents = std::map<std::string, std::string>;

} // namespace

static Contents filesIn(StringRef Directory) {
  Contents Result;
  std::error_code Failed;
  for (sys::fs::directory_iterator I(Directory, Failed), End; I != End && !Failed; I.increment(Failed)) {
    auto Bytes = MemoryBuffer::getFile(I->path());
    // The time that a timestamp was written is not compared.
    Result[sys::path::filename(I->path()).str()] = Bytes ? (*Bytes)->getBuffer().str() : "";
  }
  return Result;
}

// --- Pruning

namespace {

struct CachedFile {
  std::string Name;
  size_t Size;
  std::chrono::seconds Age;
};

} // namespace

// Ages and limits are never within a minute of each other: two calls do not come at the same moment.
static std::chrono::seconds someLimit(Random &Draw) { return std::chrono::seconds(600 * Draw.below(30)); }

static std::vector<CachedFile> someFiles(Random &Draw) {
  std::vector<CachedFile> Files;
  for (size_t Count = Draw.below(20), I = 0; I < Count; ++I) {
    static constexpr StringLiteral Kinds[] = {"llvmcache-", "llvmcache-", "Thin-", "mine-"};
    Files.push_back({(Kinds[Draw.below(std::size(Kinds))] + Twine(I)).str(), Draw.below(3000),
                     std::chrono::seconds(600 * Draw.below(30) + 300)});
  }
  if (Draw.oneIn(3))
    Files.push_back({"llvmcache.timestamp", 0, someLimit(Draw) + std::chrono::seconds(300)});
  return Files;
}

static CachePruningPolicy somePolicy(Random &Draw) {
  CachePruningPolicy Policy;
  switch (Draw.below(4)) {
  case 0:
    Policy.Interval = std::nullopt;
    break;
  case 1:
    Policy.Interval = someLimit(Draw);
    break;
  case 2:
    break;
  default:
    Policy.Interval = std::chrono::seconds(0);
  }
  Policy.Expiration = someLimit(Draw);
  // What is free on the disk changes; a percentage of it that is not all of it is never reached here.
  Policy.MaxSizePercentageOfAvailableSpace = Draw.oneIn(2) ? 0 : 75;
  Policy.MaxSizeBytes = Draw.oneIn(2) ? 0 : Draw.below(30000);
  Policy.MaxSizeFiles = Draw.oneIn(2) ? 0 : Draw.below(20);
  return Policy;
}

static void write(StringRef Directory, ArrayRef<CachedFile> Files, sys::TimePoint<> Now) {
  sys::fs::create_directory(Directory);
  for (const CachedFile &File : Files) {
    int FD = -1;
    if (sys::fs::openFileForWrite(Directory + "/" + File.Name, FD))
      report_fatal_error("cannot write into " + Twine(Directory));
    raw_fd_ostream(FD, /*shouldClose=*/false) << std::string(File.Size, 'x');
    sys::fs::setLastAccessAndModificationTime(FD, Now - File.Age);
    close(FD);
  }
}

rust::Vec<rust::String> differences_of_pruning(rust::Slice<const LinkObject> Objects, uint64_t Seed,
                                               uint64_t Rounds, uint64_t &Compared) {
  Differences Found(Compared);
  Random Draw(Seed);
  for (uint64_t Round = 0; Round < Rounds; ++Round) {
    Scratch Both;
    const std::string Ours = Both / "ours", Theirs = Both / "llvm";
    const CachePruningPolicy Policy = somePolicy(Draw);
    // A cache may be new, and a file may be where it should be.
    const bool IsFile = Draw.oneIn(20), IsGone = Draw.oneIn(20);
    const std::vector<CachedFile> Files = someFiles(Draw);
    for (StringRef Directory : {Ours, Theirs})
      if (IsFile)
        write(sys::path::parent_path(Directory), {{sys::path::filename(Directory).str(), 1, {}}},
              std::chrono::system_clock::now());
      else if (!IsGone)
        write(Directory, Files, std::chrono::system_clock::now());

    // lld knows of as many files as there are tasks, some of them null.
    std::vector<std::unique_ptr<MemoryBuffer>> OfLink(Draw.below(Objects.size() + 1));
    const bool HasFarm = Draw.oneIn(2), CachesAsLld = Draw.oneIn(2);
    setLending(false);
    // Before it asks for backends, lld asks for its cache.
    consumeError(cacheForLld("ThinLTO", "Thin", Ours, [](auto &&...) {}).takeError());
    if (HasFarm)
      setFarm(CachesAsLld);
    std::vector<std::unique_ptr<MemoryBuffer>> Given(OfLink.size());
    for (const LinkObject &Object : Objects) {
      if (Object.task >= OfLink.size() || Draw.oneIn(4))
        continue;
      rust::Slice<const uint8_t> Bytes = Object.contents->bytes();
      auto Copy = [&] {
        return MemoryBuffer::getMemBufferCopy(StringRef(reinterpret_cast<const char *>(Bytes.data()), Bytes.size()));
      };
      if (HasFarm)
        countForPruning(Object);
      else
        Given[Object.task] = Copy();
      // Objects of a farm with another cache than lld's are none of lld's business.
      if (!HasFarm || CachesAsLld)
        OfLink[Object.task] = Copy();
    }
    if (HasFarm && !CachesAsLld)
      OfLink.clear();
    auto Prune = [&](auto Function, StringRef Directory, auto &Files) {
      StandardError Said(Both);
      bool Looked = Function(Directory, Policy, Files);
      return std::tuple(Looked, Said.take(), filesIn(Directory));
    };
    auto [OurLook, OurWords, OurFiles] = Prune(pruneForLld, Ours, Given);
    auto [TheirLook, TheirWords, TheirFiles] = Prune(pruneCache, Theirs, OfLink);
    const std::string What = ("pruning, round " + Twine(Round)).str();
    Found.compare(OurLook, TheirLook, What + ": whether it was time");
    Found.compare(OurWords, TheirWords, What + ": \"" + OurWords + "\", LLVM: \"" + TheirWords + "\"");
    Found.compare(OurFiles, TheirFiles,
                  What + ": " + Twine(OurFiles.size()) + " files are left, LLVM: " + Twine(TheirFiles.size()));
  }
  // The next link begins without this one's.
  setLending(false);
  return Found.take();
}

// --- Caching

namespace {

// A cache, what it says and what it gives to a link.
class CachingLink {
public:
  using MakeCache = Expected<FileCache>(const Twine &, const Twine &, const Twine &, AddBufferFn);

  CachingLink(MakeCache *Make, StringRef Directory) {
    auto Add = [Taken = Taken](unsigned Task, const Twine &Name, std::unique_ptr<MemoryBuffer> Buffer) {
      Taken->push_back((Twine(Task) + " " + Name + " " + Buffer->getBuffer()).str());
    };
    Expected<FileCache> Made = Make("ThinLTO", "Thin", Directory, Add);
    if (Made)
      Cache = std::move(*Made);
    else
      Said.push_back(toString(Made.takeError()));
  }

  // Whether it was there.
  void add(unsigned Task, StringRef Key, StringRef Object) {
    if (!Cache.isValid())
      return;
    Expected<AddStreamFn> Hit = Cache(Task, Key, "module-" + Twine(Task));
    if (!Hit) {
      Said.push_back(toString(Hit.takeError()));
      return;
    }
    Said.push_back(*Hit ? "miss" : "hit");
    if (!*Hit)
      return;
    Expected<std::unique_ptr<CachedFileStream>> Stream = (*Hit)(Task, "module-" + Twine(Task));
    if (!Stream) {
      Said.push_back(toString(Stream.takeError()));
      return;
    }
    *(*Stream)->OS << Object;
    if (Error E = (*Stream)->commit())
      Said.push_back(toString(std::move(E)));
  }

  std::vector<std::string> Said;
  const std::shared_ptr<std::vector<std::string>> Taken = std::make_shared<std::vector<std::string>>();
  FileCache Cache;
};

} // namespace

rust::Vec<rust::String> differences_of_caching(rust::Slice<const LinkObject> Objects, uint64_t Seed,
                                               uint64_t Rounds, uint64_t &Compared) {
  Differences Found(Compared);
  Random Draw(Seed);
  for (uint64_t Round = 0; Round < Rounds; ++Round) {
    Scratch Both;
    const std::string First = Both / "a", Second = Both / "b";
    if (Draw.oneIn(20))
      for (StringRef Directory : {First, Second})
        write(sys::path::parent_path(Directory), {{sys::path::filename(Directory).str(), 1, {}}},
              std::chrono::system_clock::now());
    struct Entry {
      unsigned Task;
      std::string Key, Object;
    };
    std::vector<Entry> Entries;
    for (size_t Count = Draw.below(12); Count > 0; --Count)
      Entries.push_back({unsigned(Draw.below(20)), utohexstr(Draw.below(8)), std::string(Draw.below(9), 'o')});
    const bool MayLend = Draw.oneIn(2);
    // Each in a directory of its own, then each in the other's, where all is found.
    for (bool IsSwapped : {false, true}) {
      setLending(MayLend);
      CachingLink Ours(cacheForLld, IsSwapped ? Second : First);
      CachingLink Theirs(localCache, IsSwapped ? First : Second);
      for (const Entry &E : Entries) {
        Ours.add(E.Task, E.Key, E.Object);
        Theirs.add(E.Task, E.Key, E.Object);
      }
      const std::string What = ("caching, round " + Twine(Round) + (IsSwapped ? ", swapped" : "")).str();
      auto WithoutPaths = [&](const std::vector<std::string> &Said) {
        std::string Text = join(Said, ", ");
        for (StringRef Path : {First, Second})
          for (size_t At; (At = Text.find(Path.str())) != std::string::npos;)
            Text.replace(At, Path.size(), "DIRECTORY");
        return Text;
      };
      Found.compare(WithoutPaths(Ours.Said), WithoutPaths(Theirs.Said),
                    What + ": " + join(Ours.Said, ", ") + "; LLVM: " + join(Theirs.Said, ", "));
      Found.compare(*Ours.Taken, *Theirs.Taken, What + ": what the link gets");
      Found.compare(filesIn(First), filesIn(Second), What + ": the entries");
      Found.compare(Ours.Cache.isValid(), Theirs.Cache.isValid(), What + ": whether there is one");
      Found.compare(Ours.Cache.getCacheDirectoryPath() == (IsSwapped ? Second : First),
                    Theirs.Cache.getCacheDirectoryPath() == (IsSwapped ? First : Second),
                    What + ": the directory's name");
      // A lent object goes where one that was found goes.
      const size_t Before = Ours.Taken->size();
      for (const LinkObject &Object : Objects)
        Found.compare(lendObject(Object), MayLend, What + ": lending");
      Found.compare(Ours.Taken->size() - Before, MayLend ? Objects.size() : 0, What + ": what is lent");
    }
  }
  setLending(false);
  return Found.take();
}

} // namespace thinfarm
