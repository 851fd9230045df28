// The one header of the bridge: plain functions over plain data and opaque handles.
//
// Nothing here decides anything: which file, which order, which thread and what to do about a
// failure are the callers' business. No exception crosses; an error is a string that is not empty.

#pragma once

#include "link.h"
#include "rust/cxx.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/ModuleSummaryIndex.h"

#include <memory>
#include <string>

namespace thinfarm {

struct Argument;
struct BackendFlags;
struct Cc1Outcome;
struct ClangOption;
struct CodegenOptions;
struct CodegenWord;
struct DriverOutcome;
struct ExpandedArguments;
struct Imports;
struct IndexMeaning;
struct JobFiles;
struct LinkCallbacks;
struct StageListener;
struct ModuleFacts;
struct ModuleRecord;
enum class Severity : uint8_t;
struct StageTimes;
struct WordShape;

// A bitcode file's ThinLTO module. It borrows the file's bytes and, once opened, is only read, so
// any number of threads may use it at once.
class BitcodeModule {
public:
  BitcodeModule(std::string Id, llvm::StringRef Bitcode, bool Embedded)
      : Id(std::move(Id)), Buffer(Bitcode, this->Id), Embedded(Embedded) {}

  ModuleFacts facts() const;
  bool may_have_command() const;
  ModuleRecord record(rust::String &Error) const;
  rust::Vec<rust::String> assembly(rust::String &Error) const;
  rust::Slice<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t *>(Buffer.getBufferStart()), Buffer.getBufferSize()};
  }

  // The module id as the index spells it; LLVM's handle below points into it.
  const std::string Id;
  const llvm::MemoryBufferRef Buffer;
  // A section of a native object.
  const bool Embedded;
  // Empty if the file has no ThinLTO module: its content went to the regular LTO object.
  std::optional<llvm::BitcodeModule> Thin;
};

class SummaryIndex {
public:
  Imports imports(rust::Str ModuleId) const;

  // Null for an empty index file: compile without importing, as clang does.
  std::unique_ptr<llvm::ModuleSummaryIndex> Index;
};

class ImportMap {
public:
  void add(const BitcodeModule &Module);

  llvm::MapVector<llvm::StringRef, llvm::BitcodeModule> Modules;
};

class BackendResult;

void initialize();
rust::String set_llvm_args(rust::Slice<const rust::String> Args);
void reset_llvm_args();
rust::String unknown_llvm_arg(rust::Slice<const rust::String> Args);
rust::String clang_version();

void reset_thread_peak();
uint64_t thread_peak();

DriverOutcome run_driver(rust::Slice<const rust::String> Args, rust::Str Clang,
                         rust::Str Program, bool CheckInputs);
Cc1Outcome parse_cc1(rust::Slice<const rust::String> Args);
BackendFlags backend_flags(rust::Slice<const rust::String> Args, rust::Str Program,
                           rust::Str Directory, rust::Slice<const rust::String> Places);
rust::Vec<ClangOption> clang_options();
WordShape word_shape(rust::Str Word, bool IsCc1);
BackendFlags option_groups(rust::Slice<const rust::String> Args);
rust::Vec<rust::String> diagnostic_options(rust::Slice<const rust::String> Cc1);
rust::Vec<rust::String> diagnostic_files(rust::Slice<const rust::String> Cc1);

std::unique_ptr<BitcodeModule> open_bitcode(rust::Slice<const uint8_t> Bytes,
                                            rust::Str Id, rust::String &Error);
bool has_object_magic(rust::Slice<const uint8_t> Bytes);
bool is_native_object(rust::Slice<const uint8_t> Bytes);
bool is_module(rust::Slice<const uint8_t> Bytes);
std::unique_ptr<SummaryIndex> read_index(rust::Slice<const uint8_t> Bytes,
                                         rust::Str Id, rust::String &Error);
IndexMeaning index_meaning(rust::Slice<const uint8_t> Bytes, rust::Str ModuleId);
Imports index_imports(rust::Slice<const uint8_t> Bytes, rust::Str ModuleId, rust::String &Error);
std::unique_ptr<ImportMap> new_import_map();

std::unique_ptr<BackendResult>
run_thin_backend(const BitcodeModule &Module,
                 std::unique_ptr<SummaryIndex> Index,
                 std::unique_ptr<ImportMap> Imports,
                 const CodegenOptions &Options, const JobFiles &Files,
                 rust::Slice<const rust::String> Cc1, bool TrustDebugInfo,
                 const std::shared_ptr<LinkHooks> &Hooks, StageListener &Listener);
std::unique_ptr<BackendResult>
run_clang_action(rust::Slice<const rust::String> Cc1,
                 rust::Slice<const uint8_t> Module, rust::Str Output,
                 rust::Str SplitDwarfOutput);

rust::String check_pruning_policy(rust::Str Policy);
rust::String prune_cache(rust::Slice<const uint8_t> Directory, rust::Str Policy, bool &Pruned);

ExpandedArguments expand_response_files(rust::Slice<const Argument> Args);
bool link(rust::Slice<const Argument> Args, bool MayLend, LinkCallbacks &Callee);
rust::Vec<CodegenWord> codegen_words(rust::Slice<const rust::String> Words);
bool ends_process(Severity Kind);
void say_as_lld(Severity Kind, rust::Str Text);
rust::String first_fat_object();
bool has_run_lto();
void exit_as_lld(int32_t Code);

} // namespace thinfarm

#include "crash.h"
#include "rescue.h"
#include "result.h"
