// lld, in-process, with backends that are not its own.
//
// Where lld makes the backends of a ThinLTO link (`BitcodeCompiler`, lld/ELF/LTO.cpp) it calls
// `lto::createInProcessThinBackend`. In the copy of its library that is linked here that call has another
// name (build/lld.rs), that of `farmBackend` below. What this returns does what LLVM's
// `WriteIndexesThinBackend` does (llvm/lib/LTO/LTO.cpp), an index for each module, but in memory, then has the native
// objects made by the caller of `link`, and gives them to lld as a cache does (lld_objects.cpp) or LLVM's own backends.

#include "bridge.h"
#include "guard.h"
#include "link.h"
#include "lld_inputs.h"
#include "lld_objects.h"
#include "llvm-build/src/bridge.rs.h"
#include "module_ids.h"
#include "referenced_symbols.h"

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "lld/Common/ErrorHandler.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/LTO/LTO.h"
#include "llvm/Support/Caching.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Transforms/IPO/FunctionImport.h"

#include <cstdlib>
#include <functional>
#include <type_traits>

using namespace llvm;

LLD_HAS_DRIVER(elf)

namespace thinfarm {

// One link at a time: lld's state belongs to the process, too.
static LinkCallbacks *Callbacks = nullptr;
// Where its objects are, for an end that LLVM decides on: a hook of --save-temps that cannot write
// calls `exit`.
static std::string DirectoryInUse;

void tellReached(LinkStep Step) {
  if (Callbacks)
    Callbacks->reached(Step);
}

// The option that asks for what is not in a native object.
static StringRef onlyOwnBackends(const lto::Config &C) {
  if (!C.OptPipeline.empty())
    return "--lto-newpm-passes";
  if (!C.AAPipeline.empty())
    return "--lto-aa-pipeline";
  if (C.DebugPassManager)
    return "--lto-debug-pass-manager";
  if (!C.RemarksFilename.empty())
    return "--opt-remarks-filename";
  if (!C.StatsFile.empty())
    return "--plugin-opt=stats-file";
  if (!C.PassPlugins.empty())
    return "--load-pass-plugin";
  if (C.CGFileType != CodeGenFileType::ObjectFile)
    return "--lto-emit-asm";
  // The diagnostics of a job are clang's, which has its own options for these.
  for (StringRef Name : {"pass-remarks", "pass-remarks-missed", "pass-remarks-analysis"})
    if (auto Found = cl::getRegisteredOptions().find(Name);
        Found != cl::getRegisteredOptions().end() && Found->second->getNumOccurrences() > 0)
      return "-mllvm -pass-remarks";
  return "";
}

// The option that lets a job do more than make an object, or say something else than its options ask for. A
// cache would know nothing of it.
static StringRef notCacheable(const lto::Config &C) {
  if (C.TimeTraceEnabled)
    return "--time-trace";
  if (!C.PGOWarnMismatch)
    return "--no-lto-pgo-warn-mismatch";
  if (C.PreOptModuleHook || C.PostPromoteModuleHook || C.PostInternalizeModuleHook ||
      C.PostImportModuleHook || C.PostOptModuleHook || C.PreCodeGenModuleHook)
    return "--save-temps";
  return "";
}

// A path that no Rust string can hold.
static std::string pathThatIsNotText(const ModuleSummaryIndex &Index) {
  for (const auto &Module : Index.modulePaths()) {
    StringRef Id = Module.getKey();
    const auto *Bytes = reinterpret_cast<const UTF8 *>(Id.begin());
    if (!isLegalUTF8String(&Bytes, reinterpret_cast<const UTF8 *>(Id.end())))
      return ("the path " + Id + ", which is not UTF-8").str();
  }
  return "";
}

static LinkConfig facts(const lto::Config &C, const ModuleSummaryIndex &Index,
                        ThreadPoolStrategy Parallelism, const FileCache &Cache) {
  LinkConfig F;
  F.codegen = optionsOfLink(C);
  F.hooks = std::make_shared<LinkHooks>(C);
  F.dwo_directory = text(C.DwoDir);
  F.threads = Parallelism.ThreadsRequested;
  F.cache_directory = text(Cache.getCacheDirectoryPath());
  F.not_cacheable = text(notCacheable(C).str());
  F.fatal_warnings = lld::errorHandler().fatalWarnings;
  F.no_warnings = lld::errorHandler().suppressWarnings;
  StringRef Option = onlyOwnBackends(C);
  std::string NotText = pathThatIsNotText(Index);
  F.only_own_backends = text(Option.empty() ? NotText : Option.str());
  if (NotText.empty())
    for (const auto &Module : Index.modulePaths())
      F.modules.push_back(text(Module.getKey().str()));
  return F;
}

namespace {

class FarmBackendProc : public lto::ThinBackendProc {
public:
  FarmBackendProc(const lto::Config &Conf, ModuleSummaryIndex &CombinedIndex,
               const DenseMap<StringRef, GVSummaryMapTy> &Defined, lto::IndexWriteCallback OnWrite,
               bool EmitsIndexFiles, bool EmitsImportsFiles, ThreadPoolStrategy Parallelism,
               AddStreamFn AddStream, LinkBeginning Beginning)
      : ThinBackendProc(Conf, CombinedIndex, Defined, OnWrite, EmitsImportsFiles, Parallelism),
        EmitsIndexFiles(EmitsIndexFiles), AddStream(std::move(AddStream)),
        Failure(str(Beginning.failure)) {
    setFarm(Beginning.caches_as_lld);
    DirectoryInUse = str(Beginning.directory);
  }

  // lld has read the objects, or reports why there are none, which may end the process.
  ~FarmBackendProc() override {
    Callbacks->finish();
    DirectoryInUse.clear();
  }

  // LLVM calls this on one thread for each module.
  Error start(unsigned Task, llvm::BitcodeModule BM, const FunctionImporter::ImportMapTy &ImportList,
              const FunctionImporter::ExportSetTy &,
              const std::map<GlobalValue::GUID, GlobalValue::LinkageTypes> &,
              MapVector<StringRef, llvm::BitcodeModule> &) override {
    if (!Failure.empty())
      return createStringError(Failure);
    StringRef Id = BM.getModuleIdentifier();
    LinkJob Job;
    Job.task = Task;
    Job.module = text(Id);
    Jobs.push_back(std::move(Job));
    Modules.push_back({Id, &ImportList});
    if (EmitsIndexFiles)
      run([this, Id, &ImportList] {
        if (Error E = emitFiles(ImportList, Id, Id.str()))
          keep(std::move(E));
      });
    if (OnWrite)
      OnWrite(Id.str());
    return Error::success();
  }

  Error wait() override {
    tellReached(LinkStep::Indexes);
    // The files that lld was asked for have LLVM's ids.
    if (Error E = ThinBackendProc::wait())
      return E;
    putIdsIntoIndex(CombinedIndex);
    const ReferencedSymbols Referenced(CombinedIndex);
    for (const auto &Module : ModuleToDefinedGVSummaries)
      run([&] { Referenced.nameReferences(Module.second); });
    if (Error E = ThinBackendProc::wait())
      return E;
    for (size_t I = 0; I < Jobs.size(); ++I)
      run([&, I] { write(Modules[I], Referenced, Jobs[I]); });
    if (Error E = ThinBackendProc::wait())
      return E;
    rust::Vec<LinkObject> Objects;
    if (rust::String Reason = Callbacks->compile(Jobs, Objects); !Reason.empty())
      return createStringError(str(Reason));
    for (const LinkObject &Object : Objects) {
      if (lldWouldCache(str(Object.module)))
        countForPruning(Object);
      if (!lendObject(Object))
        if (Error E = copy(Object))
          return E;
    }
    return Error::success();
  }

private:
  // A module whose index is to be written.
  struct Importing {
    StringRef Id;
    const FunctionImporter::ImportMapTy *Imports;
  };

  // One thread is this one: where a process may have few, the next may not be there.
  void run(std::function<void()> Work) {
    if (getThreadCount() == 1)
      Work();
    else
      BackendThreadPool.async(std::move(Work));
  }

  void write(const Importing &Module, const ReferencedSymbols &Referenced, LinkJob &Job) {
    ModuleToSummariesForIndexTy ById, Summaries;
    GVSummaryPtrSet Declarations;
    gatherImportedSummariesForModule(Module.Id, ModuleToDefinedGVSummaries, *Module.Imports, ById,
                                     Declarations);
    for (auto &[Id, Module] : ById)
      Summaries[idInIndex(Id)] = std::move(Module);
    Job.instructions = countInstructions(Summaries, Declarations);
    ReferencedSymbols::Storage Added;
    Referenced.add(idInIndex(Module.Id), Summaries, Added);
    SmallString<0> Written;
    raw_svector_ostream OS(Written);
    writeIndexToFile(CombinedIndex, OS, &Summaries, &Declarations);
    Job.index.reserve(Written.size());
    llvm::copy(Written.str().bytes(), std::back_inserter(Job.index));
  }

  // As `SummaryIndex::imports` would find them in the index, which nobody has to read for that.
  static uint64_t countInstructions(const ModuleToSummariesForIndexTy &Summaries,
                                    const GVSummaryPtrSet &Declarations) {
    uint64_t Count = 0;
    for (const auto &Module : Summaries)
      for (const auto &Global : Module.second)
        if (auto *Function = dyn_cast<FunctionSummary>(Global.second);
            Function && Declarations.count(Global.second) == 0)
          Count += Function->instCount();
    return Count;
  }

  // As LLVM's in-process backends decide: a module without a hash has no key.
  bool lldWouldCache(StringRef Id) const {
    return CombinedIndex.modulePaths().count(Id) &&
           any_of(CombinedIndex.getModuleHash(Id), [](uint32_t Word) { return Word != 0; });
  }

  Error copy(const LinkObject &Object) {
    Expected<std::unique_ptr<CachedFileStream>> Stream = AddStream(Object.task, str(Object.module));
    if (!Stream)
      return Stream.takeError();
    rust::Slice<const uint8_t> Bytes = Object.contents->bytes();
    (*Stream)->OS->write(reinterpret_cast<const char *>(Bytes.data()), Bytes.size());
    return (*Stream)->commit();
  }

  void keep(Error E) {
    std::lock_guard<std::mutex> Lock(ErrMu);
    Err = Err ? joinErrors(std::move(*Err), std::move(E)) : std::move(E);
  }

  const bool EmitsIndexFiles;
  const AddStreamFn AddStream;
  const std::string Failure;
  rust::Vec<LinkJob> Jobs;
  std::vector<Importing> Modules;
};

} // namespace

// Takes the place of LLVM's function of the same parameters.
lto::ThinBackend farmBackend(ThreadPoolStrategy Parallelism, lto::IndexWriteCallback OnWrite,
                             bool EmitsIndexFiles, bool EmitsImportsFiles)
    asm("thinfarm_thin_backend");
static_assert(std::is_same_v<decltype(farmBackend), decltype(lto::createInProcessThinBackend)>);

lto::ThinBackend farmBackend(ThreadPoolStrategy Parallelism, lto::IndexWriteCallback OnWrite,
                             bool EmitsIndexFiles, bool EmitsImportsFiles) {
  auto Own = lto::createInProcessThinBackend(Parallelism, OnWrite, EmitsIndexFiles,
                                             EmitsImportsFiles);
  auto Make = [=](const lto::Config &Conf, ModuleSummaryIndex &CombinedIndex,
                  const DenseMap<StringRef, GVSummaryMapTy> &Defined, AddStreamFn AddStream,
                  FileCache Cache) mutable -> std::unique_ptr<lto::ThinBackendProc> {
    LinkConfig Facts = facts(Conf, CombinedIndex, Parallelism, Cache);
    LinkBeginning Beginning = Callbacks->begin(Facts);
    if (Beginning.is_left_to_llvm)
      return Own(Conf, CombinedIndex, Defined, std::move(AddStream), std::move(Cache));
    return std::make_unique<FarmBackendProc>(Conf, CombinedIndex, Defined, OnWrite, EmitsIndexFiles,
                                          EmitsImportsFiles, Parallelism, std::move(AddStream),
                                          std::move(Beginning));
  };
  return lto::ThinBackend(Make, Parallelism);
}

static std::vector<std::string> arguments(rust::Slice<const Argument> Args) {
  std::vector<std::string> Result;
  for (const Argument &Arg : Args)
    Result.emplace_back(reinterpret_cast<const char *>(Arg.bytes.data()), Arg.bytes.size());
  return Result;
}

static SmallVector<const char *, 256> pointers(const std::vector<std::string> &Args) {
  SmallVector<const char *, 256> Result;
  for (const std::string &Arg : Args)
    Result.push_back(Arg.c_str());
  return Result;
}

ExpandedArguments expand_response_files(rust::Slice<const Argument> Args) {
  std::vector<std::string> Storage = arguments(Args);
  SmallVector<const char *, 256> Expanded = pointers(Storage);
  BumpPtrAllocator Allocator;
  bool Windows = is_contained(Storage, "--rsp-quoting=windows");
  cl::ExpansionContext Context(
      Allocator, Windows ? cl::TokenizeWindowsCommandLine : cl::TokenizeGNUCommandLine);
  ExpandedArguments Result;
  if (Error E = Context.expandResponseFiles(Expanded)) {
    Result.error = text(toString(std::move(E)));
    return Result;
  }
  for (StringRef Text : Expanded) {
    Argument Arg;
    for (char Byte : Text)
      Arg.bytes.push_back(static_cast<uint8_t>(Byte));
    Result.arguments.push_back(std::move(Arg));
  }
  return Result;
}

bool link(rust::Slice<const Argument> Args, bool MayLend, LinkCallbacks &Callee) {
  std::vector<std::string> Storage = arguments(Args);
  setLending(MayLend);
  if (MayLend)
    Storage.insert(Storage.begin() + 1, argumentForLending());
  Callbacks = &Callee;
  rememberFlags();
  std::atexit([] {
    if (DirectoryInUse.empty())
      return;
    sys::fs::remove_directories(DirectoryInUse);
    // Jobs are at work with what destructors would take away.
    std::_Exit(EXIT_FAILURE);
  });
  bool Linked =
      lld::elf::link(pointers(Storage), outs(), errs(), /*exitEarly=*/true, /*disableOutput=*/false);
  outs().flush();
  Callbacks = nullptr;
  return Linked;
}

// As `ErrorHandler::error` and `warn` decide (lld/Common/ErrorHandler.cpp).
bool ends_process(Severity Kind) {
  const lld::ErrorHandler &Handler = lld::errorHandler();
  bool IsError = Kind == Severity::Error || (Kind == Severity::Warning && Handler.fatalWarnings);
  return IsError && Handler.errorLimit != 0 && Handler.errorCount >= Handler.errorLimit;
}

void say_as_lld(Severity Kind, rust::Str Text) {
  std::string Words = ref(Text).str();
  switch (Kind) {
  case Severity::Error:
    lld::error(Words);
    return;
  case Severity::Warning:
    lld::warn(Words);
    return;
  default:
    lld::message(Words, lld::outs());
    return;
  }
}

rust::String first_fat_object() { return rust::String::lossy(firstFatObject()); }

bool has_run_lto() { return hasRunLto(); }

void exit_as_lld(int32_t Code) { lld::exitLld(Code); }

} // namespace thinfarm
