// Which inline assembly reads files: the one way to the bytes of an object that no index, no option
// and no summary tells of.
//
// The bitstream is walked without building IR: blocks that cannot hold assembly are skipped whole.

#include "bitstream.h"
#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "llvm/Bitcode/LLVMBitCodes.h"

using namespace llvm;

namespace thinfarm {

namespace {

class AssemblyFinder : public BitstreamWalk {
public:
  AssemblyFinder(StringRef Bitcode, rust::Vec<rust::String> &Texts)
      : BitstreamWalk(Bitcode, "bitcode"), Texts(Texts) {}

private:
  bool enters(unsigned Block, unsigned Parent) override {
    if (Parent == Outside)
      return Block == bitc::MODULE_BLOCK_ID;
    return Block == bitc::CONSTANTS_BLOCK_ID ||
           (Block == bitc::FUNCTION_BLOCK_ID && Parent == bitc::MODULE_BLOCK_ID);
  }

  bool reads(unsigned Block) const override { return Block != bitc::FUNCTION_BLOCK_ID; }

  static bool isAssembly(unsigned Block, unsigned Code) {
    if (Block == bitc::MODULE_BLOCK_ID)
      return Code == bitc::MODULE_CODE_ASM;
    return Code == bitc::CST_CODE_INLINEASM || Code == bitc::CST_CODE_INLINEASM_OLD ||
           Code == bitc::CST_CODE_INLINEASM_OLD2 || Code == bitc::CST_CODE_INLINEASM_OLD3;
  }

  Error record(unsigned Block, unsigned Code, ArrayRef<uint64_t> Operands,
               StringRef Blob) override {
    if (!isAssembly(Block, Code))
      return Error::success();
    // Characters among a few numbers, whose place depends on the record's age and need not be known.
    std::string Text(Operands.begin(), Operands.end());
    Text += Blob;
    if (StringRef(Text).contains_insensitive(".inc"))
      Texts.push_back(text(Text));
    return Error::success();
  }

  rust::Vec<rust::String> &Texts;
};

} // namespace

rust::Vec<rust::String> BitcodeModule::assembly(rust::String &Error) const {
  rust::Vec<rust::String> Texts;
  GuardOutcome Guard = runGuarded([&] {
    Expected<std::vector<llvm::BitcodeModule>> Modules = getBitcodeModuleList(Buffer);
    if (!Modules) {
      Error = text(toString(Modules.takeError()));
      return;
    }
    for (const llvm::BitcodeModule &Module : *Modules)
      if (llvm::Error E = AssemblyFinder(Module.getBuffer(), Texts).walk())
        Error = text(toString(std::move(E)));
  });
  if (!Guard.Error.empty())
    Error = text(Guard.Error);
  return Texts;
}

} // namespace thinfarm
