// The native objects that lld takes into a link.
//
// lld makes an `InputFile` of every native object that it is given by `createObjFile`, also of those that it may not need
// ("lazy": members of archives, what stands between --start-lib and --end-lib). It calls `parseFile` for a lazy one when a
// symbol asks for it (lld/ELF/InputFiles.h). Both functions make room for those below in the copy of lld's library that
// is linked here (build/lld.rs), and so does `parseFiles`, with which lld begins to resolve symbols. lld's headers are not
// installed: what is declared of its types is their names.

#include "lld_inputs.h"

#include "bridge.h"
#include "llvm-build/src/bridge.rs.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/LTO/LTO.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBufferRef.h"

#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

using namespace llvm;

namespace lld::elf {

struct Ctx;
class InputFile;

std::string toStr(Ctx &, const InputFile *);

// To callers this is the `std::unique_ptr<ELFFileBase>` that lld returns. It cannot be that here, as it would have to
// know how to delete one.
class CreatedFile {
public:
  CreatedFile(CreatedFile &&Other) : File(std::exchange(Other.File, nullptr)) {}
  ~CreatedFile() {}
  const InputFile *get() const { return File; }

private:
  const InputFile *File;
};

CreatedFile createObjFile(Ctx &, MemoryBufferRef, StringRef Archive, bool Lazy);
void parseFile(Ctx &, InputFile *);

using InputFiles = SmallVector<std::unique_ptr<InputFile>, 0>;
void parseFiles(Ctx &, const InputFiles &);

namespace original {

CreatedFile createObjFile(Ctx &, MemoryBufferRef, StringRef Archive, bool Lazy)
    asm("thinfarm_llvm_ZN3lld3elf13createObjFileERNS0_3CtxEN4llvm15MemoryBufferRefENS3_9StringRefEb");
void parseFile(Ctx &, InputFile *)
    asm("thinfarm_llvm_ZN3lld3elf9parseFileERNS0_3CtxEPNS0_9InputFileE");
void parseFiles(Ctx &, const InputFiles &)
    asm("thinfarm_llvm_ZN3lld3elf10parseFilesERNS0_3CtxERKN4llvm11SmallVectorISt10unique_ptrINS0_9InputFileE"
        "St14default_deleteIS6_EELj0EEE");

} // namespace original

} // namespace lld::elf

using lld::elf::InputFile;

namespace thinfarm {

namespace {

struct Taken {
  lld::elf::Ctx &Context;
  const InputFile *File;
  MemoryBufferRef Contents;
};

// lld 22 reads its inputs on one thread. Nothing says that a later one does.
std::mutex Lock;
std::vector<Taken> Objects;
DenseMap<const InputFile *, MemoryBufferRef> Lazy;
bool RanLto = false;

bool hasBitcode(MemoryBufferRef Contents) {
  Expected<std::unique_ptr<object::ObjectFile>> Object =
      object::ObjectFile::createELFObjectFile(Contents);
  if (!Object) {
    consumeError(Object.takeError());
    return false;
  }
  return any_of((*Object)->sections(), [](const object::SectionRef &Section) {
    Expected<StringRef> Name = Section.getName();
    if (Name)
      return *Name == ".llvm.lto";
    consumeError(Name.takeError());
    return false;
  });
}

} // namespace

static void created(lld::elf::Ctx &Context, const InputFile *File, MemoryBufferRef Contents,
                    bool IsLazy) {
  std::lock_guard<std::mutex> Locked(Lock);
  if (IsLazy)
    Lazy.try_emplace(File, Contents);
  else
    Objects.push_back({Context, File, Contents});
}

static void parsed(lld::elf::Ctx &Context, const InputFile *File) {
  std::lock_guard<std::mutex> Locked(Lock);
  // Shared libraries and bitcode are not here.
  if (auto Found = Lazy.find(File); Found != Lazy.end()) {
    Objects.push_back({Context, File, Found->second});
    Lazy.erase(Found);
  }
}

std::string firstFatObject() {
  auto Fat = find_if(Objects, [](const Taken &Object) { return hasBitcode(Object.Contents); });
  return Fat == Objects.end() ? "" : lld::elf::toStr(Fat->Context, Fat->File);
}

bool hasRunLto() { return RanLto; }

// Takes the place of `LTO::run` as lld calls it, which it does if there is bitcode.
Error farmRun(lto::LTO *Lto, AddStreamFn AddStream, FileCache Cache) asm("thinfarm_lto_run");
static_assert(std::is_same_v<decltype(&lto::LTO::run), Error (lto::LTO::*)(AddStreamFn, FileCache)>);

Error farmRun(lto::LTO *Lto, AddStreamFn AddStream, FileCache Cache) {
  RanLto = true;
  tellReached(LinkStep::ThinLink);
  return Lto->run(std::move(AddStream), std::move(Cache));
}

} // namespace thinfarm

lld::elf::CreatedFile lld::elf::createObjFile(Ctx &Context, MemoryBufferRef Contents,
                                              StringRef Archive, bool Lazy) {
  CreatedFile File = original::createObjFile(Context, Contents, Archive, Lazy);
  thinfarm::created(Context, File.get(), Contents, Lazy);
  return File;
}

void lld::elf::parseFile(Ctx &Context, InputFile *File) {
  thinfarm::parsed(Context, File);
  original::parseFile(Context, File);
}

void lld::elf::parseFiles(Ctx &Context, const InputFiles &Files) {
  thinfarm::tellReached(thinfarm::LinkStep::Resolution);
  original::parseFiles(Context, Files);
}
