// What lld wants of a backend, as the options that jobs are made of.
//
// The way back from `thin_backend.cpp`, which makes an `lto::Config` of `CodegenOptions`: a module whose
// only options are those of the link is compiled with what lld had for its own backends
// (`createConfig`, lld/ELF/LTO.cpp), whatever clang's command line has a word for.

#include "link.h"

#include "guard.h"
#include "llvm-build/src/bridge.rs.h"
#include "names.h"

#include "lld/Common/TargetOptionsCommandFlags.h"
#include "llvm/LTO/Config.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace thinfarm {

static void readTargetOptions(const TargetOptions &T, CodegenOptions &O) {
#define TARGET_VALUE(Field, Llvm, Clang) O.Field = T.Llvm;
#define TARGET_TEXT(Field, Llvm, Clang) O.Field = text(T.Llvm);
#define TARGET_WORD(Field, Llvm, Words, Clang) O.Field = text(word(Words, T.Llvm));
#include "codegen_options.def"
  if (T.FloatABIType != FloatABI::Default)
    O.float_abi = T.FloatABIType == FloatABI::Soft ? "soft" : "hard";
  if (T.BinutilsVersion.first != 0)
    O.binutils_version =
        text(std::to_string(T.BinutilsVersion.first) + "." + std::to_string(T.BinutilsVersion.second));
  if (T.BBSections == BasicBlockSection::All)
    O.bb_sections = "all";
  else if (T.BBSections == BasicBlockSection::List && T.BBSectionsFuncListBuf)
    O.bb_sections = text(("list=" + T.BBSectionsFuncListBuf->getBufferIdentifier()).str());
  else
    O.bb_sections = "none";
}

static void readMCOptions(const MCTargetOptions &MC, CodegenOptions &O) {
  O.no_dwarf_directory_asm = MC.MCUseDwarfDirectory == MCTargetOptions::DisableDwarfDirectory;
  // clang's 3 stands for "not specified".
  O.output_asm_variant = MC.OutputAsmVariant.value_or(3);
}

static void readTarget(StringRef CPU, ArrayRef<std::string> MAttrs,
                       std::optional<Reloc::Model> RelocModel,
                       std::optional<CodeModel::Model> CodeModel, const TargetOptions &Options,
                       CodegenOptions &O) {
  O.cpu = text(CPU);
  for (const std::string &Feature : MAttrs)
    O.features.push_back(text(Feature));
  if (RelocModel)
    O.relocation_model = text(word(RelocationModels, *RelocModel));
  O.code_model = CodeModel ? text(word(CodeModels, *CodeModel)) : rust::String("default");
  readTargetOptions(Options, O);
  readMCOptions(Options.MCOptions, O);
}

CodegenOptions optionsOfFlags() {
  CodegenOptions O{};
  readTarget(lld::getCPUStr(), lld::getMAttrs(), lld::getRelocModelFromCMModel(),
             lld::getCodeModelFromCMModel(), lld::initTargetOptionsFromCodeGenFlags(), O);
  return O;
}

CodegenOptions optionsOfLink(const lto::Config &Conf) {
  CodegenOptions O{};
  readTarget(Conf.CPU, Conf.MAttrs, Conf.RelocModel, Conf.CodeModel, Conf.Options, O);
#define CONFIG_VALUE(Field, Llvm, Clang) O.Field = Conf.Llvm;
#define CONFIG_TEXT(Field, Llvm, Clang) O.Field = text(Conf.Llvm);
#include "codegen_options.def"
  O.codegen_level = static_cast<uint32_t>(Conf.CGOptLevel);
  O.cs_profile_path = text(Conf.CSIRProfile);
  O.cs_profile = Conf.RunCSIRInstr ? "generate" : Conf.CSIRProfile.empty() ? "none" : "use";
  return O;
}

} // namespace thinfarm
