// What a job reads: modules, also inside native objects, and indexes.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "module_ids.h"

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace thinfarm {

static bool hasObjectMagic(StringRef Contents) {
  switch (identify_magic(Contents)) {
  case file_magic::elf_relocatable:
  case file_magic::coff_object:
  case file_magic::macho_object:
    return true;
  default:
    return false;
  }
}

bool has_object_magic(rust::Slice<const uint8_t> Bytes) { return hasObjectMagic(ref(Bytes)); }

// The section in which a FatLTO object carries its module; nothing in another native object.
static Expected<std::optional<StringRef>> embeddedBitcode(StringRef Contents) {
  Expected<std::unique_ptr<object::ObjectFile>> Object =
      object::ObjectFile::createObjectFile(MemoryBufferRef(Contents, ""));
  if (!Object)
    return Object.takeError();
  for (const object::SectionRef &Section : (*Object)->sections()) {
    Expected<StringRef> Name = Section.getName();
    if (!Name)
      return Name.takeError();
    if (*Name == ".llvm.lto")
      return Section.getContents();
  }
  return std::nullopt;
}

bool is_native_object(rust::Slice<const uint8_t> Bytes) {
  bool Result = false;
  runGuarded([&] {
    if (!hasObjectMagic(ref(Bytes)))
      return;
    Expected<std::optional<StringRef>> Bitcode = embeddedBitcode(ref(Bytes));
    if (Bitcode)
      Result = !*Bitcode;
    else
      consumeError(Bitcode.takeError());
  });
  return Result;
}

std::unique_ptr<BitcodeModule> open_bitcode(rust::Slice<const uint8_t> Bytes, rust::Str Id,
                                            rust::String &Error) {
  std::unique_ptr<BitcodeModule> Result;
  GuardOutcome Guard = runGuarded([&] {
    std::optional<StringRef> Embedded;
    if (hasObjectMagic(ref(Bytes)))
      if (llvm::Error E = embeddedBitcode(ref(Bytes)).moveInto(Embedded)) {
        Error = text(toString(std::move(E)));
        return;
      }
    Result = std::make_unique<BitcodeModule>(ref(Id).str(), Embedded.value_or(ref(Bytes)),
                                             Embedded.has_value());
    Expected<std::vector<llvm::BitcodeModule>> Modules = getBitcodeModuleList(Result->Buffer);
    if (!Modules) {
      Error = text(toString(Modules.takeError()));
      return;
    }
    if (Modules->empty()) {
      Error = "the file holds no bitcode module";
      return;
    }
    // `lto::findThinLTOModule`, but a module that cannot be read is an error, not just another kind.
    for (llvm::BitcodeModule &Module : *Modules) {
      Expected<BitcodeLTOInfo> Info = Module.getLTOInfo();
      if (!Info) {
        Error = text(toString(Info.takeError()));
        return;
      }
      if (Info->IsThinLTO && !Result->Thin)
        Result->Thin = Module;
    }
  });
  if (!Guard.Error.empty())
    Error = text(Guard.Error);
  return Error.empty() ? std::move(Result) : nullptr;
}

// The value, or nothing for an error that somebody else reports.
template <typename T> static T orEmpty(Expected<T> Value) {
  if (Value)
    return std::move(*Value);
  consumeError(Value.takeError());
  return T();
}

ModuleFacts BitcodeModule::facts() const {
  ModuleFacts Facts;
  Facts.is_thin_lto = Thin.has_value();
  Facts.is_embedded = Embedded;
  runGuarded([&] {
    Facts.triple = text(orEmpty(getBitcodeTargetTriple(Buffer)));
    Facts.producer = text(orEmpty(getBitcodeProducerString(Buffer)));
  });
  return Facts;
}

bool is_module(rust::Slice<const uint8_t> Bytes) {
  bool Result = false;
  runGuarded([&] {
    Result = Bytes.size() > 0 && !orEmpty(getBitcodeTargetTriple({ref(Bytes), ""})).empty();
  });
  return Result;
}

std::unique_ptr<SummaryIndex> read_index(rust::Slice<const uint8_t> Bytes, rust::Str Id,
                                         rust::String &Error) {
  auto Result = std::make_unique<SummaryIndex>();
  if (Bytes.size() == 0)
    return Result;
  GuardOutcome Guard = runGuarded([&] {
    if (llvm::Error E =
            getModuleSummaryIndex({ref(Bytes), ref(Id)}).moveInto(Result->Index))
      Error = text(toString(std::move(E)));
    else
      takeIdsFromIndex(*Result->Index);
  });
  if (!Guard.Error.empty())
    Error = text(Guard.Error);
  return Error.empty() ? std::move(Result) : nullptr;
}

Imports SummaryIndex::imports(rust::Str ModuleId) const {
  Imports Result;
  if (!Index)
    return Result;
  Result.skip = Index->skipModuleByDistributedBackend();
  SmallVector<StringRef, 16> Sources;
  for (const auto &Global : *Index)
    for (const auto &Summary : Global.second.getSummaryList()) {
      bool IsOwn = Summary->modulePath() == ref(ModuleId);
      if (!IsOwn)
        Sources.push_back(Summary->modulePath());
      auto *Function = dyn_cast<FunctionSummary>(Summary.get());
      if (!Function || (!IsOwn && Summary->importType() != GlobalValueSummary::Definition))
        continue;
      Result.functions += !IsOwn;
      Result.instructions += Function->instCount();
    }
  llvm::sort(Sources);
  Sources.erase(llvm::unique(Sources), Sources.end());
  for (StringRef Source : Sources)
    Result.sources.push_back(text(Source));
  return Result;
}

std::unique_ptr<ImportMap> new_import_map() { return std::make_unique<ImportMap>(); }

void ImportMap::add(const BitcodeModule &Module) {
  if (Module.Thin)
    Modules.insert({StringRef(Module.Id), *Module.Thin});
}

} // namespace thinfarm
