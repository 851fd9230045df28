// LLVM's backend diagnostics in clang's words, and in lld's.

#pragma once

#include "result.h"

#include "clang/Basic/Diagnostic.h"
#include "clang/Basic/DiagnosticOptions.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/Support/raw_ostream.h"

#include "rust/cxx.h"

#include <memory>

namespace thinfarm {

// Words and classifies what a backend reports as clang's `BackendConsumer` does, so that `-W` flags
// (`-w`, `-Werror`, `-Wno-frame-larger-than`) mean the same, and collects it in the job's result:
// several jobs report at once, and each one's words stay together.
class BackendDiagnostics : public llvm::DiagnosticHandler {
public:
  BackendDiagnostics(llvm::StringRef ModuleId, rust::Slice<const rust::String> Cc1,
                     BackendResult &Result);
  ~BackendDiagnostics() override;

  bool handleDiagnostics(const llvm::DiagnosticInfo &Info) override;

  // clang's diagnostics of this job. Most jobs report nothing, so it is made when first needed.
  clang::DiagnosticsEngine &engine();

  // Tells the job's result what was reported so far; an error is the job's.
  void count();

private:
  // Words `Info` as lld does, as what clang's options make of it: nothing, a warning, an error.
  void wordAsLld(const llvm::DiagnosticInfo &Info);

  const llvm::StringRef ModuleId;
  const rust::Slice<const rust::String> Cc1;
  BackendResult &Result;
  llvm::raw_string_ostream Text;
  std::unique_ptr<clang::DiagnosticOptions> Options;
  llvm::IntrusiveRefCntPtr<clang::DiagnosticsEngine> Engine;
  // How the engine classified what it was given last; `Ignored` if it did not print it.
  clang::DiagnosticsEngine::Level Level = clang::DiagnosticsEngine::Ignored;
};

} // namespace thinfarm
