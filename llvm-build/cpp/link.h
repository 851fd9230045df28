// What a job has to know of the link it is a part of.

#pragma once

#include "llvm/LTO/Config.h"

namespace thinfarm {

struct CodegenOptions;

// What lld wants of all jobs of a link besides their objects. A copy: no job depends on how long lld keeps its own.
struct LinkHooks {
  explicit LinkHooks(const llvm::lto::Config &Conf);

  // Adds the hooks to a job's own, which are called after them.
  void addTo(llvm::lto::Config &Conf) const;

  // Names of values, which the modules that --save-temps writes have.
  const bool DiscardValueNames;
  // --time-trace.
  const bool TimeTraceEnabled;
  const unsigned TimeTraceGranularity;

private:
  const bool PGOWarnMismatch;
  // They see the modules between the stages: --save-temps writes them.
  std::vector<std::pair<llvm::lto::Config::ModuleHookFn llvm::lto::Config::*, llvm::lto::Config::ModuleHookFn>>
      Hooks;
};

// What `Conf` says about code generation; the triple is each module's.
CodegenOptions optionsOfLink(const llvm::lto::Config &Conf);

// The part of it that LLVM's options decide, as they are now, before lld has its own say.
CodegenOptions optionsOfFlags();

// To be called before lld reads its command line: see codegen_words.cpp.
void rememberFlags();

} // namespace thinfarm
