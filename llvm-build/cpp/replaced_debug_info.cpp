// The upgrade of debug information compared with LLVM's. See src/replaced.rs.

#include "comparison.h"
#include "debug_info.h"
#include "originals.h"
#include "replaced.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/AutoUpgrade.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace thinfarm {

// Two functions have each other's debug information: no verifier takes it. False if there are no two.
static bool damage(Module &M) {
  Function *First = nullptr;
  for (Function &F : M) {
    DISubprogram *Own = F.isDeclaration() ? nullptr : F.getSubprogram();
    if (!Own)
      continue;
    if (!First) {
      First = &F;
      continue;
    }
    F.setSubprogram(First->getSubprogram());
    First->setSubprogram(Own);
    return true;
  }
  return false;
}

rust::Vec<rust::String> differences_of_debug_info(rust::Slice<const uint8_t> Bitcode, uint64_t &Compared) {
  Differences Found(Compared);
  const MemoryBufferRef Bytes(StringRef(reinterpret_cast<const char *>(Bitcode.data()), Bitcode.size()), "");
  using Upgrade = bool(Module &);
  // Whether a function changed the module, and all of it.
  auto Upgraded = [&](bool IsDamaged, Upgrade *Function) {
    LLVMContext Context;
    Expected<std::unique_ptr<Module>> M = [&] {
      // As it is read: nothing is upgraded yet.
      TrustedDebugInfo Trusted(true);
      return parseBitcodeFile(Bytes, Context);
    }();
    if (!M)
      return std::pair(false, toString(M.takeError()));
    if (IsDamaged && !damage(**M))
      return std::pair(false, std::string());
    bool Changed = Function && Function(**M);
    std::string Text;
    raw_string_ostream(Text) << **M;
    return std::pair(Changed, std::move(Text));
  };
  auto Theirs = Upgraded(false, original::upgradeDebugInfo);
  Found.compare(Upgraded(false, UpgradeDebugInfo), Theirs, "debug information");
  // What a job leaves out that trusts it.
  Found.compare(Upgraded(false, nullptr), Theirs, "debug information that is trusted");
  Found.compare(Upgraded(true, UpgradeDebugInfo), Upgraded(true, original::upgradeDebugInfo),
                "damaged debug information");
  return Found.take();
}

} // namespace thinfarm
