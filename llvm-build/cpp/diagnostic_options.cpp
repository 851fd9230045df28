// What a cc1 command line says about diagnostics: which of them a job tells, as what, and how.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "clang/Basic/DiagnosticOptions.h"
#include "clang/Frontend/CompilerInvocation.h"

using namespace clang;
using llvm::StringRef;

namespace thinfarm {

static std::unique_ptr<DiagnosticOptions> parsed(rust::Slice<const rust::String> Cc1) {
  std::vector<std::string> Storage = strings(Cc1);
  std::vector<const char *> Argv;
  for (const std::string &Arg : Storage)
    Argv.push_back(Arg.c_str());
  return CreateAndPopulateDiagOpts(Argv);
}

rust::Vec<rust::String> diagnostic_options(rust::Slice<const rust::String> Cc1) {
  std::unique_ptr<DiagnosticOptions> O = parsed(Cc1);
  rust::Vec<rust::String> Result;
  auto Put = [&](StringRef Name, StringRef Value) {
    Result.push_back(text((Name + "=" + Value).str()));
  };
  auto PutNumber = [&](StringRef Name, unsigned Value) { Put(Name, std::to_string(Value)); };
  auto PutAll = [&](StringRef Name, const std::vector<std::string> &Values) {
    for (const std::string &Value : Values)
      Put(Name, Value);
  };
  // clang's own list, so that none is forgotten.
#define DIAGOPT(Name, Bits, Default) PutNumber(#Name, O->Name);
#define ENUM_DIAGOPT(Name, Type, Bits, Default)                                                    \
  PutNumber(#Name, static_cast<unsigned>(O->get##Name()));
#include "clang/Basic/DiagnosticOptions.def"
  PutAll("Warnings", O->Warnings);
  PutAll("UndefPrefixes", O->UndefPrefixes);
  PutAll("Remarks", O->Remarks);
  PutAll("VerifyPrefixes", O->VerifyPrefixes);
  PutAll("SystemHeaderWarningsModules", O->SystemHeaderWarningsModules);
  return Result;
}

rust::Vec<rust::String> diagnostic_files(rust::Slice<const rust::String> Cc1) {
  std::unique_ptr<DiagnosticOptions> O = parsed(Cc1);
  rust::Vec<rust::String> Result;
  for (const std::string *File : {&O->DiagnosticLogFile, &O->DiagnosticSerializationFile,
                                  &O->DiagnosticSuppressionMappingsFile})
    if (!File->empty())
      Result.push_back(text(*File));
  return Result;
}

} // namespace thinfarm
