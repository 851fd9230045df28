// What a compile command of the front end says to the backend: the same command line without the
// options whose work is done, or that would make clang do something else than one backend job.
//
// Which argument is which option is clang's option table's knowledge; which options go is decided
// here, and only here.

#include "bridge.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "clang/Basic/Sanitizers.h"
#include "clang/Driver/Driver.h"
#include "clang/Driver/ToolChain.h"
#include "clang/Options/Options.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Option/OptTable.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/VirtualFileSystem.h"

using namespace clang;
using namespace llvm;
using opt::Arg;

namespace thinfarm {

static bool isDropped(const Arg &A) {
  const opt::Option &Option = A.getOption();
  // Other actions (-c, -S, -E), dependency files, and what only a linker reads.
  for (auto Group : {options::OPT_Action_Group, options::OPT_M_Group})
    if (Option.matches(Group))
      return true;
  if (Option.hasFlag(options::LinkerInput))
    return true;
  static constexpr unsigned Dropped[] = {
      // Files of the front end's job; the backend has its own.
      options::OPT_INPUT, options::OPT_o, options::OPT_x, options::OPT__DASH_DASH,
      options::OPT_main_file_name, options::OPT_dumpdir, options::OPT_dependency_file,
      options::OPT_header_include_file, options::OPT_split_dwarf_file,
      options::OPT_split_dwarf_output,
      // The preprocessor. Include directories stay: .incbin in inline assembly reads them.
      options::OPT_D, options::OPT_U, options::OPT_include, options::OPT_imacros,
      options::OPT_include_pch, options::OPT_Wp_COMMA, options::OPT_Xpreprocessor,
      // Asks for bitcode, or is accepted only together with -flto.
      options::OPT_flto, options::OPT_flto_EQ, options::OPT_fno_lto, options::OPT_flto_jobs_EQ,
      options::OPT_flto_unit, options::OPT_ffat_lto_objects, options::OPT_fno_fat_lto_objects,
      options::OPT_fsplit_lto_unit, options::OPT_fno_split_lto_unit, options::OPT_funified_lto,
      options::OPT_fno_unified_lto, options::OPT_fwhole_program_vtables,
      options::OPT_fno_whole_program_vtables, options::OPT_fvirtual_function_elimination,
      options::OPT_fno_virtual_function_elimination, options::OPT_fthin_link_bitcode_EQ,
      options::OPT_fthinlto_index_EQ,
      // Splits one compilation between several programs.
      options::OPT_save_temps, options::OPT_save_temps_EQ, options::OPT_fembed_bitcode,
      options::OPT_fembed_bitcode_EQ, options::OPT_fembed_bitcode_marker,
      // Loaded by the front end, or only told by the driver.
      options::OPT_fplugin_EQ, options::OPT_fplugin_arg, options::OPT_v,
      options::OPT__HASH_HASH_HASH};
  return is_contained(Dropped, Option.getID());
}

// `-fsanitize=` without control-flow integrity, which clang accepts only with -flto and has done
// before the backend runs; empty if nothing is left.
static std::string withoutCfi(const Arg &A) {
  std::string Left;
  for (const char *Value : A.getValues())
    if (!(expandSanitizerGroups(parseSanitizerValue(Value, /*AllowGroups=*/true)) &
          SanitizerKind::CFI))
      Left += (Left.empty() ? "-fsanitize=" : ",") + std::string(Value);
  return Left;
}

// Options whose value is a file or directory that clang reads or writes; names that objects record
// (-fdebug-compilation-dir, -fprofile-generate=) are not among them.
static bool namesPath(const opt::Option &Option) {
  if (Option.matches(options::OPT_IncludePath_Group))
    return true;
  static constexpr unsigned Paths[] = {
      options::OPT_I, options::OPT_isystem, options::OPT_iquote, options::OPT_idirafter,
      options::OPT_internal_isystem, options::OPT_internal_externc_isystem, options::OPT_isysroot,
      options::OPT__sysroot_EQ, options::OPT_B, options::OPT_resource_dir,
      options::OPT_gcc_toolchain, options::OPT_gcc_install_dir_EQ,
      options::OPT_fprofile_use_EQ, options::OPT_fprofile_instr_use_EQ,
      options::OPT_fprofile_instrument_use_path_EQ, options::OPT_fprofile_sample_use_EQ,
      options::OPT_fprofile_remapping_file_EQ, options::OPT_fmemory_profile_use_EQ,
      options::OPT_fprofile_list_EQ, options::OPT_fsanitize_ignorelist_EQ,
      options::OPT_fsanitize_system_ignorelist_EQ, options::OPT_fsanitize_coverage_allowlist,
      options::OPT_fsanitize_coverage_ignorelist, options::OPT_fxray_always_instrument,
      options::OPT_fxray_never_instrument, options::OPT_fxray_attr_list,
      options::OPT_foptimization_record_file_EQ, options::OPT_opt_record_file,
      options::OPT_stack_usage_file, options::OPT_as_secure_log_file, options::OPT_ftime_trace_EQ,
      options::OPT_fpass_plugin_EQ};
  return is_contained(Paths, Option.getID());
}

namespace {
// One command line, option by option.
class Line {
public:
  Line(SmallVectorImpl<const char *> &Argv, bool IsCc1, StringSaver &Saver);

  void dropFrontEnd();
  void makePathsAbsolute(StringRef Directory);
  // The options that are left, behind what `Flags` has already.
  void appendTo(BackendFlags &Flags) const;

  bool SplitsDwarf = false;

private:
  void replaceValue(const Arg &A, StringRef Value);

  SmallVectorImpl<const char *> &Argv;
  StringSaver &Saver;
  opt::InputArgList Args;
  // Positions in Argv at which options start, and its end.
  SmallVector<unsigned, 64> Starts;
  BitVector Dropped;
};
} // namespace

Line::Line(SmallVectorImpl<const char *> &Argv, bool IsCc1, StringSaver &Saver)
    : Argv(Argv), Saver(Saver), Dropped(Argv.size()) {
  unsigned MissingIndex, MissingCount;
  Args = getDriverOptTable().ParseArgs(
      Argv, MissingIndex, MissingCount,
      opt::Visibility(IsCc1 ? options::CC1Option : options::ClangOption));
  for (const Arg *A : Args)
    Starts.push_back(A->getIndex());
  // An option without its value; clang will say so.
  if (MissingCount)
    Starts.push_back(MissingIndex);
  llvm::sort(Starts);
  Starts.erase(llvm::unique(Starts), Starts.end());
  Starts.push_back(Argv.size());
}

void Line::dropFrontEnd() {
  for (const Arg *A : Args) {
    if (isDropped(*A))
      Dropped.set(A->getIndex());
    SplitsDwarf |= A->getOption().matches(options::OPT_split_dwarf_output);
    if (A->getOption().matches(options::OPT_fsanitize_EQ)) {
      std::string Left = withoutCfi(*A);
      if (Left.empty())
        Dropped.set(A->getIndex());
      Argv[A->getIndex()] = Saver.save(Left).data();
    }
  }
  // The values of -Xclang options are a cc1 command line of their own.
  SmallVector<unsigned, 8> Owners;
  SmallVector<const char *, 8> Forwarded;
  for (unsigned Start : drop_end(Starts))
    if (StringRef(Argv[Start]) == "-Xclang" && Start + 1 < Argv.size()) {
      Owners.push_back(Start);
      Forwarded.push_back(Argv[Start + 1]);
    }
  if (Forwarded.empty())
    return;
  Line Cc1(Forwarded, /*IsCc1=*/true, Saver);
  Cc1.dropFrontEnd();
  for (auto [Start, End] : zip(drop_end(Cc1.Starts), drop_begin(Cc1.Starts)))
    if (Cc1.Dropped.test(Start))
      for (unsigned At = Start; At < End; ++At)
        Dropped.set(Owners[At]);
}

void Line::replaceValue(const Arg &A, StringRef Value) {
  const char *Old = A.getValue();
  StringRef Word = Argv[A.getIndex()];
  if (Old >= Word.begin() && Old <= Word.end())
    Argv[A.getIndex()] = Saver.save(Word.take_front(Old - Word.begin()) + Value).data();
  else if (A.getIndex() + 1 < Argv.size())
    Argv[A.getIndex() + 1] = Saver.save(Value).data();
}

void Line::makePathsAbsolute(StringRef Directory) {
  auto Absolute = [&](StringRef Path) {
    SmallString<256> Result(Path);
    sys::path::make_absolute(Directory, Result);
    return std::string(Result);
  };
  for (const Arg *A : Args) {
    const opt::Option &Option = A->getOption();
    // Without a value a profile is looked for in the working directory.
    if (Option.matches(options::OPT_fprofile_use) ||
        Option.matches(options::OPT_fprofile_instr_use)) {
      Argv[A->getIndex()] = Saver.save(StringRef(Argv[A->getIndex()]) + "=" + Directory).data();
      continue;
    }
    if (A->getNumValues() != 1)
      continue;
    StringRef Value = A->getValue();
    if (Option.matches(options::OPT_fbasic_block_sections_EQ)) {
      if (Value.consume_front("list="))
        replaceValue(*A, "list=" + Absolute(Value));
    } else if (namesPath(Option) && !Value.empty()) {
      replaceValue(*A, Absolute(Value));
    }
  }
}

void Line::appendTo(BackendFlags &Flags) const {
  for (auto [Start, End] : zip(drop_end(Starts), drop_begin(Starts))) {
    if (Dropped.test(Start))
      continue;
    Flags.starts.push_back(Flags.flags.size());
    for (unsigned At = Start; At < End; ++At)
      Flags.flags.push_back(rust::String::lossy(Argv[At]));
  }
  Flags.starts.push_back(Flags.flags.size());
  Flags.splits_dwarf = SplitsDwarf;
}

// Whether the arguments are cc1's, told by the first, which is no option of either.
static bool takeCc1(BackendFlags &Flags, ArrayRef<std::string> &Args) {
  if (Args.empty() || Args.front() != "-cc1")
    return false;
  Flags.starts.push_back(0);
  Flags.flags.push_back("-cc1");
  Args = Args.drop_front();
  return true;
}

BackendFlags backend_flags(rust::Slice<const rust::String> Args, rust::Str Program,
                           rust::Str Directory) {
  BackendFlags Result{};
  std::vector<std::string> Storage = strings(Args);
  ArrayRef<std::string> Given = Storage;
  bool IsCc1 = takeCc1(Result, Given);
  BumpPtrAllocator Allocator;
  StringSaver Saver(Allocator);
  // Response files are expanded as for a program, whose name is taken off again.
  SmallVector<const char *, 64> Argv{"clang"};
  for (const std::string &Arg : Given)
    Argv.push_back(Arg.c_str());
  std::unique_ptr<vfs::FileSystem> FS = vfs::createPhysicalFileSystem();
  if (Directory.size())
    FS->setCurrentWorkingDirectory(ref(Directory));
  if (Error E = driver::expandResponseFiles(Argv, /*ClangCLMode=*/false, Allocator, FS.get())) {
    Result.error = rust::String::lossy(toString(std::move(E)));
    return Result;
  }
  Argv.erase(Argv.begin());

  // What clang's main function reads from the name it was called by.
  auto Name = driver::ToolChain::getTargetAndModeFromProgramName(ref(Program));
  if (Name.TargetIsValid) {
    Result.starts.push_back(Result.flags.size());
    Result.flags.push_back("--target=" + Name.TargetPrefix);
  }
  Line TheLine(Argv, IsCc1, Saver);
  TheLine.dropFrontEnd();
  if (Directory.size())
    TheLine.makePathsAbsolute(ref(Directory));
  TheLine.appendTo(Result);
  return Result;
}

BackendFlags option_groups(rust::Slice<const rust::String> Args) {
  BackendFlags Result{};
  std::vector<std::string> Storage = strings(Args);
  ArrayRef<std::string> Given = Storage;
  bool IsCc1 = takeCc1(Result, Given);
  SmallVector<const char *, 64> Argv;
  for (const std::string &Arg : Given)
    Argv.push_back(Arg.c_str());
  BumpPtrAllocator Allocator;
  StringSaver Saver(Allocator);
  Line(Argv, IsCc1, Saver).appendTo(Result);
  return Result;
}

} // namespace thinfarm
