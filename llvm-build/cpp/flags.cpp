// What a compile command of the front end says to the backend: the same command line without the
// options whose work is done, or that would make clang do something else than one backend job.
//
// Which argument is which option is clang's option table's knowledge; which options go is decided
// here, and only here.

#include "bridge.h"
#include "command_line.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "clang/Basic/Sanitizers.h"
#include "clang/Driver/Driver.h"
#include "clang/Driver/ToolChain.h"
#include "clang/Options/Options.h"
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
      options::OPT_header_include_file, options::OPT__serialize_diags,
      options::OPT_diagnostic_serialized_file, options::OPT_split_dwarf_file,
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
      options::OPT_fplugin_EQ, options::OPT_fplugin_arg, options::OPT_load, options::OPT_plugin,
      options::OPT_add_plugin, options::OPT_plugin_arg, options::OPT_v,
      // Files in which the front end looks up what it compiles. A test walks clang's table for others.
      options::OPT_fsanitize_ignorelist_EQ, options::OPT_fsanitize_system_ignorelist_EQ,
      options::OPT_fprofile_list_EQ, options::OPT_fxray_always_instrument,
      options::OPT_fxray_never_instrument, options::OPT_fxray_attr_list,
      options::OPT_fmodules_embed_file_EQ, options::OPT_ivfsoverlay,
      options::OPT_vfsoverlay,
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

// Takes what only the front end needs from `Line`. Whether DWARF is split by options that are among it.
static bool dropFrontEnd(CommandLine &Line) {
  bool SplitsDwarf = false;
  for (const Arg *A : Line.args()) {
    if (isDropped(*A))
      Line.drop(*A);
    SplitsDwarf |= A->getOption().matches(options::OPT_split_dwarf_output);
    if (A->getOption().matches(options::OPT_fsanitize_EQ)) {
      std::string Left = withoutCfi(*A);
      if (Left.empty())
        Line.drop(*A);
      else
        Line.replaceWord(*A, Left);
    }
  }
  if (CommandLine *Forwarded = Line.forwarded())
    dropFrontEnd(*Forwarded);
  return SplitsDwarf;
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

// Response files of a directory that may be gone are not those of this process's.
static void makeResponseFilesAbsolute(MutableArrayRef<const char *> Argv, StringRef Directory, StringSaver &Saver) {
  for (const char *&Word : Argv)
    if (Word[0] == '@' && Word[1] && !sys::path::is_absolute(Word + 1)) {
      SmallString<256> Path(Directory);
      sys::path::append(Path, Word + 1);
      Word = Saver.save("@" + Path).data();
    }
}

BackendFlags backend_flags(rust::Slice<const rust::String> Args, rust::Str Program, rust::Str Directory,
                           rust::Slice<const rust::String> Places) {
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
  if (Directory.size()) {
    makeResponseFilesAbsolute(Argv, ref(Directory), Saver);
    FS->setCurrentWorkingDirectory(ref(Directory));
  }
  if (Error E = clang::driver::expandResponseFiles(Argv, /*ClangCLMode=*/false, Allocator, FS.get())) {
    Result.error = text(toString(std::move(E)));
    return Result;
  }
  Argv.erase(Argv.begin());

  // What clang's main function reads from the name it was called by.
  auto Name = clang::driver::ToolChain::getTargetAndModeFromProgramName(ref(Program));
  if (Name.TargetIsValid) {
    Result.starts.push_back(Result.flags.size());
    Result.flags.push_back("--target=" + Name.TargetPrefix);
  }
  CommandLine Line(Argv, IsCc1, Saver);
  Result.splits_dwarf = dropFrontEnd(Line);
  std::vector<std::string> Known = strings(Places);
  StringRef RanIn = ref(Directory);
  if (!Known.empty()) {
    std::optional<StringRef> Likely = likelyDirectory(Line, Known);
    Result.depends_on_places = Likely.has_value();
    RanIn = Likely.value_or("");
  }
  Result.directory = text(RanIn);
  resolveFiles(Line, RanIn, Result);
  Line.appendTo(Result);
  return Result;
}

WordShape word_shape(rust::Str Word, bool IsCc1) {
  WordShape Shape{};
  std::string Storage = ref(Word).str();
  SmallVector<const char *, 4> Argv{Storage.c_str()};
  const opt::Visibility Mask(IsCc1 ? options::CC1Option : options::ClangOption);
  unsigned MissingIndex, MissingCount;
  getDriverOptTable().ParseArgs(Argv, MissingIndex, MissingCount, Mask);
  Shape.values = MissingCount;
  Argv.append(MissingCount, "value");
  opt::InputArgList Args = getDriverOptTable().ParseArgs(Argv, MissingIndex, MissingCount, Mask);
  if (Args.size() != 1)
    return Shape;
  const Arg &A = **Args.begin();
  const unsigned Kind = A.getOption().getKind();
  Shape.takes_all =
      Kind == opt::Option::RemainingArgsClass || Kind == opt::Option::RemainingArgsJoinedClass;
  Shape.is_include_directory = A.getOption().matches(options::OPT_I);
  Shape.is_front_ends =
      isDropped(A) && !Shape.takes_all && !A.getOption().matches(options::OPT_split_dwarf_output);
  return Shape;
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
  CommandLine(Argv, IsCc1, Saver).appendTo(Result);
  return Result;
}

rust::Vec<ClangOption> clang_options() {
  const opt::OptTable &Table = getDriverOptTable();
  rust::Vec<ClangOption> Options;
  for (unsigned ID = 1; ID <= Table.getNumOptions(); ++ID) {
    const opt::Option Option = Table.getOption(ID);
    unsigned Kind = Option.getKind();
    bool IsJoined = is_contained({opt::Option::JoinedClass, opt::Option::CommaJoinedClass,
                                  opt::Option::JoinedOrSeparateClass}, Kind);
    bool IsSeparate =
        is_contained({opt::Option::SeparateClass, opt::Option::JoinedOrSeparateClass}, Kind);
    if (IsJoined || IsSeparate)
      Options.push_back({Option.getPrefixedName().str(), IsJoined, IsSeparate,
                         Option.hasVisibilityFlag(options::ClangOption),
                         Option.hasVisibilityFlag(options::CC1Option)});
  }
  return Options;
}

} // namespace thinfarm
