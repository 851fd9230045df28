#include "module_ids.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/ModuleSummaryIndex.h"

using namespace llvm;

namespace thinfarm {

// No path begins like this: a NUL would end it.
static constexpr StringLiteral InHexadecimal = StringLiteral::withInnerNUL("\0hex:");

std::string idInIndex(StringRef Id) {
  if (all_of(Id, [](char Byte) { return isASCII(Byte); }))
    return Id.str();
  return (InHexadecimal + toHex(Id)).str();
}

std::string idOutsideIndex(StringRef Id) {
  std::string Bytes;
  StringRef Digits = Id;
  if (Digits.consume_front(InHexadecimal) && tryGetFromHex(Digits, Bytes))
    return Bytes;
  return Id.str();
}

static void rename(ModuleSummaryIndex &Index, function_ref<std::string(StringRef)> NewId) {
  SmallVector<StringRef> Ids;
  for (const auto &Module : Index.modulePaths())
    Ids.push_back(Module.getKey());
  DenseMap<StringRef, StringRef> Renamed;
  for (StringRef Id : Ids)
    if (std::string New = NewId(Id); New != Id)
      Renamed[Id] = Index.addModule(New, Index.getModuleHash(Id))->getKey();
  if (Renamed.empty())
    return;
  for (const auto &Global : Index)
    for (const auto &Summary : Global.second.getSummaryList())
      if (auto Found = Renamed.find(Summary->modulePath()); Found != Renamed.end())
        Summary->setModulePath(Found->second);
}

void putIdsIntoIndex(ModuleSummaryIndex &Index) { rename(Index, idInIndex); }
void takeIdsFromIndex(ModuleSummaryIndex &Index) { rename(Index, idOutsideIndex); }

} // namespace thinfarm
