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
  O.thread_model = text(word(ThreadModels, T.ThreadModel));
  if (T.FloatABIType != FloatABI::Default)
    O.float_abi = T.FloatABIType == FloatABI::Soft ? "soft" : "hard";
  O.fp_op_fusion = text(word(FpOpFusions, T.AllowFPOpFusion));
  if (T.BinutilsVersion.first != 0)
    O.binutils_version =
        text(std::to_string(T.BinutilsVersion.first) + "." + std::to_string(T.BinutilsVersion.second));
  O.use_init_array = T.UseInitArray;
  O.disable_integrated_as = T.DisableIntegratedAS;
  O.eabi_version = text(word(EabiVersions, T.EABIVersion));
  O.exception_model = text(word(ExceptionModels, T.ExceptionModel));
  O.no_infs_fp_math = T.NoInfsFPMath;
  O.no_nans_fp_math = T.NoNaNsFPMath;
  O.no_zero_initialized_in_bss = T.NoZerosInBSS;
  O.bb_addr_map = T.BBAddrMap;
  if (T.BBSections == BasicBlockSection::All)
    O.bb_sections = "all";
  else if (T.BBSections == BasicBlockSection::List && T.BBSectionsFuncListBuf)
    O.bb_sections = text(("list=" + T.BBSectionsFuncListBuf->getBufferIdentifier()).str());
  else
    O.bb_sections = "none";
  O.split_machine_functions = T.EnableMachineFunctionSplitter;
  O.partition_static_data_sections = T.EnableStaticDataPartitioning;
  O.function_sections = T.FunctionSections;
  O.data_sections = T.DataSections;
  O.ignore_xcoff_visibility = T.IgnoreXCOFFVisibility;
  O.unique_section_names = T.UniqueSectionNames;
  O.unique_basic_block_section_names = T.UniqueBasicBlockSectionNames;
  O.separate_named_sections = T.SeparateNamedSections;
  O.tls_size = T.TLSSize;
  O.enable_tlsdesc = T.EnableTLSDESC;
  O.emulated_tls = T.EmulatedTLS;
  O.debugger_tuning = text(word(DebuggerKinds, T.DebuggerTuning));
  O.stack_size_section = T.EmitStackSizeSection;
  O.addrsig = T.EmitAddrsig;
  O.force_dwarf_frame_section = T.ForceDwarfFrameSection;
  O.call_graph_section = T.EmitCallGraphSection;
  O.emit_call_site_info = T.EmitCallSiteInfo;
  O.enable_aix_extended_altivec_abi = T.EnableAIXExtendedAltivecABI;
  O.xray_function_index = T.XRayFunctionIndex;
  O.loop_alignment = T.LoopAlignment;
  O.debug_strict_dwarf = T.DebugStrictDwarf;
  O.hotpatch = T.Hotpatch;
  O.jmc_instrument = T.JMCInstrument;
  O.xcoff_read_only_pointers = T.XCOFFReadOnlyPointers;
  O.vector_library = text(word(VectorLibraries, T.VecLib));
  O.swift_async_frame_pointer = text(word(SwiftAsyncFramePointers, T.SwiftAsyncFramePointer));
  O.mis_expect = T.MisExpect;
}

static void readMCOptions(const MCTargetOptions &MC, CodegenOptions &O) {
  O.emit_dwarf_unwind = text(word(EmitDwarfUnwinds, MC.EmitDwarfUnwind));
  O.emit_compact_unwind_non_canonical = MC.EmitCompactUnwindNonCanonical;
  O.emit_sframe_unwind = MC.EmitSFrameUnwind;
  O.relax_all = MC.MCRelaxAll;
  O.save_temp_labels = MC.MCSaveTempLabels;
  O.no_dwarf_directory_asm = MC.MCUseDwarfDirectory == MCTargetOptions::DisableDwarfDirectory;
  O.no_exec_stack = MC.MCNoExecStack;
  O.incremental_linker_compatible = MC.MCIncrementalLinkerCompatible;
  O.fatal_warnings = MC.MCFatalWarnings;
  O.no_warn = MC.MCNoWarn;
  O.asm_verbose = MC.AsmVerbose;
  O.dwarf64 = MC.Dwarf64;
  O.preserve_asm_comments = MC.PreserveAsmComments;
  O.crel = MC.Crel;
  O.implicit_map_syms = MC.ImplicitMapSyms;
  O.x86_relax_relocations = MC.X86RelaxRelocations;
  O.x86_sse2avx = MC.X86Sse2Avx;
  O.compress_debug_sections = text(word(DebugCompressions, MC.CompressDebugSections));
  // clang's 3 stands for "not specified".
  O.output_asm_variant = MC.OutputAsmVariant.value_or(3);
  O.abi = text(MC.ABIName);
  O.as_secure_log_file = text(MC.AsSecureLogFile);
  O.ppc_use_full_register_names = MC.PPCUseFullRegisterNames;
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
  O.optimization_level = Conf.OptLevel;
  O.codegen_level = static_cast<uint32_t>(Conf.CGOptLevel);
  O.sample_profile = text(Conf.SampleProfile);
  O.profile_remapping = text(Conf.ProfileRemapping);
  O.unroll_loops = Conf.PTO.LoopUnrolling;
  O.interchange_loops = Conf.PTO.LoopInterchange;
  O.fuse_loops = Conf.PTO.LoopFusion;
  O.vectorize_loops = Conf.PTO.LoopVectorization;
  O.vectorize_slp = Conf.PTO.SLPVectorization;
  O.cs_profile_path = text(Conf.CSIRProfile);
  O.cs_profile = Conf.RunCSIRInstr ? "generate" : Conf.CSIRProfile.empty() ? "none" : "use";
  return O;
}

} // namespace thinfarm
