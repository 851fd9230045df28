// Which options for LLVM (`-mllvm`) reach backends by way of lld only.
//
// LLVM has options for code generation that nobody reads but programs which make a configuration of them
// (llvm/CodeGen/CommandFlags.h), as lld does for its own backends. A backend with another configuration does not see
// them. LLVM keeps no list of these options, so it is asked: an option is taken back, and what lld would read then is
// compared.

#include "bridge.h"
#include "guard.h"
#include "link.h"
#include "llvm-build/src/bridge.rs.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/CodeGen/CommandFlags.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

using namespace llvm;

namespace thinfarm {

// The option that `Word` sets, as LLVM finds it; null if it finds none.
static cl::Option *optionOf(StringRef Word) {
  auto &Registered = cl::getRegisteredOptions();
  auto Found = Registered.find(Word.ltrim('-').split('=').first);
  return Found == Registered.end() ? nullptr : Found->second;
}

// Gives `Words` to LLVM one by one, as lld does.
static void give(ArrayRef<std::string> Words) {
  for (const std::string &Word : Words) {
    const char *Argv[] = {"ld.lld", Word.c_str()};
    cl::ParseCommandLineOptions(2, Argv, "", &nulls());
  }
}

// What `optionsOfFlags` was before any option was given.
static std::optional<CodegenOptions> AtFirst;

void rememberFlags() {
  // Registers the options, once in a process; lld does when it begins.
  static codegen::RegisterCodeGenFlags Registered;
  AtFirst = optionsOfFlags();
}

// Whether an option was given that decides something, beside the processor that clang's driver names on every link.
static bool anythingDiffers(CodegenOptions With) {
  if (!AtFirst)
    return true;
  With.cpu = AtFirst->cpu;
  return With != *AtFirst;
}

rust::Vec<CodegenWord> codegen_words(rust::Slice<const rust::String> Words) {
  std::vector<std::string> All = strings(Words);
  auto NamesCpu = [](StringRef Word) { return Word.ltrim('-').starts_with("mcpu="); };
  // Options are not touched without need: to take some back and give them again is not the same.
  if (!anythingDiffers(optionsOfFlags()) && none_of(All, NamesCpu))
    return {};
  MapVector<cl::Option *, std::vector<std::string>> ByOption;
  for (const std::string &Word : All)
    if (cl::Option *Option = optionOf(Word))
      ByOption[Option].push_back(Word);
  rust::Vec<CodegenWord> Result;
  CodegenOptions With = optionsOfFlags();
  for (auto &[Option, Given] : ByOption) {
    Option->reset();
    CodegenOptions Without = optionsOfFlags();
    give(Given);
    if (Without == With)
      continue;
    CodegenWord Word;
    // Of several the last counts, or all in its place.
    Word.word = text(Given.back());
    Word.with = With;
    Word.without = std::move(Without);
    Result.push_back(std::move(Word));
  }
  return Result;
}

} // namespace thinfarm
