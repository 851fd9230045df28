// The words for clang's and LLVM's enumerations, each list once, read in both directions.

#pragma once

#include "clang/Basic/CodeGenOptions.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Target/TargetOptions.h"

#include <utility>

namespace thinfarm {

template <typename Enum> struct Name {
  Enum Value;
  llvm::StringLiteral Word;
};

inline constexpr Name<llvm::Reloc::Model> RelocationModels[] = {
    {llvm::Reloc::Static, "static"},
    {llvm::Reloc::PIC_, "pic"},
    {llvm::Reloc::DynamicNoPIC, "dynamic-no-pic"},
    {llvm::Reloc::ROPI, "ropi"},
    {llvm::Reloc::RWPI, "rwpi"},
    {llvm::Reloc::ROPI_RWPI, "ropi-rwpi"},
};

inline constexpr Name<llvm::CodeModel::Model> CodeModels[] = {
    {llvm::CodeModel::Tiny, "tiny"},     {llvm::CodeModel::Small, "small"},
    {llvm::CodeModel::Kernel, "kernel"}, {llvm::CodeModel::Medium, "medium"},
    {llvm::CodeModel::Large, "large"},
};

inline constexpr Name<llvm::ThreadModel::Model> ThreadModels[] = {
    {llvm::ThreadModel::POSIX, "posix"},
    {llvm::ThreadModel::Single, "single"},
};

inline constexpr Name<llvm::FPOpFusion::FPOpFusionMode> FpOpFusions[] = {
    {llvm::FPOpFusion::Standard, "standard"},
    {llvm::FPOpFusion::Strict, "strict"},
    {llvm::FPOpFusion::Fast, "fast"},
};

inline constexpr Name<llvm::EABI> EabiVersions[] = {
    {llvm::EABI::Default, "default"}, {llvm::EABI::EABI4, "4"},
    {llvm::EABI::EABI5, "5"},         {llvm::EABI::GNU, "gnu"},
    {llvm::EABI::Unknown, "unknown"},
};

// LLVM's kinds; options.cpp maps clang's to them, as `initTargetOptions` does.
inline constexpr Name<llvm::ExceptionHandling> ExceptionModels[] = {
    {llvm::ExceptionHandling::None, "none"},
    {llvm::ExceptionHandling::DwarfCFI, "dwarf"},
    {llvm::ExceptionHandling::SjLj, "sjlj"},
    {llvm::ExceptionHandling::WinEH, "seh"},
    {llvm::ExceptionHandling::Wasm, "wasm"},
};

inline constexpr Name<llvm::DebuggerKind> DebuggerKinds[] = {
    {llvm::DebuggerKind::Default, "default"}, {llvm::DebuggerKind::GDB, "gdb"},
    {llvm::DebuggerKind::LLDB, "lldb"},       {llvm::DebuggerKind::SCE, "sce"},
    {llvm::DebuggerKind::DBX, "dbx"},
};

inline constexpr Name<llvm::VectorLibrary> VectorLibraries[] = {
    {llvm::VectorLibrary::NoLibrary, "none"},
    {llvm::VectorLibrary::Accelerate, "Accelerate"},
    {llvm::VectorLibrary::DarwinLibSystemM, "Darwin_libsystem_m"},
    {llvm::VectorLibrary::LIBMVEC, "LIBMVEC"},
    {llvm::VectorLibrary::MASSV, "MASSV"},
    {llvm::VectorLibrary::SVML, "SVML"},
    {llvm::VectorLibrary::SLEEFGNUABI, "SLEEF"},
    {llvm::VectorLibrary::ArmPL, "ArmPL"},
    {llvm::VectorLibrary::AMDLIBM, "AMDLIBM"},
};

inline constexpr Name<llvm::SwiftAsyncFramePointerMode> SwiftAsyncFramePointers[] = {
    {llvm::SwiftAsyncFramePointerMode::DeploymentBased, "auto"},
    {llvm::SwiftAsyncFramePointerMode::Always, "always"},
    {llvm::SwiftAsyncFramePointerMode::Never, "never"},
};

inline constexpr Name<llvm::EmitDwarfUnwindType> EmitDwarfUnwinds[] = {
    {llvm::EmitDwarfUnwindType::Always, "always"},
    {llvm::EmitDwarfUnwindType::NoCompactUnwind, "no-compact-unwind"},
    {llvm::EmitDwarfUnwindType::Default, "default"},
};

inline constexpr Name<llvm::DebugCompressionType> DebugCompressions[] = {
    {llvm::DebugCompressionType::None, "none"},
    {llvm::DebugCompressionType::Zlib, "zlib"},
    {llvm::DebugCompressionType::Zstd, "zstd"},
};

// The word for a value. Every value clang can produce is in its list.
template <typename Enum, size_t N>
llvm::StringRef word(const Name<Enum> (&Names)[N], Enum Value) {
  for (const Name<Enum> &Each : Names)
    if (Each.Value == Value)
      return Each.Word;
  llvm::report_fatal_error("a clang option has a value unknown to this release");
}

// The value for a word, or an error that ends the job: the word came from outside.
template <typename Enum, size_t N>
Enum value(const Name<Enum> (&Names)[N], llvm::StringRef Word) {
  for (const Name<Enum> &Each : Names)
    if (Each.Word == Word)
      return Each.Value;
  llvm::report_fatal_error("unknown codegen option value '" + Word + "'");
}

} // namespace thinfarm
