// The files and directories that the options of a compile command name: where they are, and what is done if they
// are gone, as on another machine or after a build was cleaned.

#include "bridge.h"
#include "command_line.h"
#include "guard.h"
#include "llvm-build/src/bridge.rs.h"

#include "clang/Options/Options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace clang;
using namespace llvm;
using opt::Arg;

namespace thinfarm {

namespace {
// What an option names. Names that objects record (-fdebug-compilation-dir, -fprofile-generate=) are nothing.
enum class Named {
  Nothing,
  // A directory to look in, or a file that is written.
  Place,
  // A file that clang wants to be there, though no ThinLTO backend makes another object because of it.
  Wanted,
  // A file that a backend reads.
  Read,
};

// The file of one option. `Before` is what stands before it in the option's value.
struct NamedFile {
  Named What = Named::Nothing;
  StringRef Before;
  StringRef Path;
};
} // namespace

// The options of LLVM that name files which passes of a backend read.
static bool readsFile(StringRef LlvmOption) {
  static const StringSet<> Options = {
      "cgscc-inline-replay",        "chr-function-list",       "chr-module-list",
      "codegen-data-use-path",      "forceattrs-csv-path",     "fs-profile-file",
      "fs-remapping-file",          "ir2vec-vocab-path",       "mir2vec-vocab-path",
      "ml-inliner-ir2vec-vocab-file", "sample-profile-file",   "sample-profile-inline-replay",
      "sample-profile-remapping-file", "use-ctx-profile"};
  return Options.contains(LlvmOption);
}

static Named kind(const opt::Option &Option) {
  if (Option.matches(options::OPT_IncludePath_Group))
    return Named::Place;
  static constexpr unsigned Places[] = {
      options::OPT_I, options::OPT_isystem, options::OPT_iquote, options::OPT_idirafter,
      options::OPT_internal_isystem, options::OPT_internal_externc_isystem, options::OPT_isysroot,
      options::OPT__sysroot_EQ, options::OPT_B, options::OPT_resource_dir,
      options::OPT_gcc_toolchain, options::OPT_gcc_install_dir_EQ,
      options::OPT_foptimization_record_file_EQ, options::OPT_opt_record_file,
      options::OPT_stack_usage_file, options::OPT_as_secure_log_file, options::OPT_ftime_trace_EQ};
  static constexpr unsigned Wanted[] = {options::OPT_fmemory_profile_use_EQ,
                                        options::OPT_fsanitize_coverage_allowlist,
                                        options::OPT_fsanitize_coverage_ignorelist};
  static constexpr unsigned Read[] = {
      options::OPT_fprofile_use_EQ, options::OPT_fprofile_instr_use_EQ,
      options::OPT_fprofile_instrument_use_path_EQ, options::OPT_fprofile_sample_use_EQ,
      options::OPT_fprofile_remapping_file_EQ, options::OPT_fpass_plugin_EQ,
      options::OPT_fcodegen_data_use_EQ,
      options::OPT_warning_suppression_mappings_EQ};
  unsigned ID = Option.getID();
  return is_contained(Places, ID)   ? Named::Place
         : is_contained(Wanted, ID) ? Named::Wanted
         : is_contained(Read, ID)   ? Named::Read
                                    : Named::Nothing;
}

static NamedFile named(const Arg &A) {
  const opt::Option &Option = A.getOption();
  // Without a name.
  if (Option.matches(options::OPT_fprofile_instr_use))
    return {Named::Read, "", ""};
  if (A.getNumValues() != 1)
    return {};
  StringRef Value = A.getValue();
  if (Option.matches(options::OPT_fbasic_block_sections_EQ))
    return Value.starts_with("list=") ? NamedFile{Named::Read, "list=", Value.drop_front(5)} : NamedFile{};
  if (Option.matches(options::OPT_mllvm)) {
    size_t Equals = Value.find('=');
    bool Reads = Equals != StringRef::npos && readsFile(Value.take_front(Equals).ltrim('-'));
    return Reads ? NamedFile{Named::Read, Value.take_front(Equals + 1), Value.drop_front(Equals + 1)} : NamedFile{};
  }
  // Without a directory it is looked for in directories of its own.
  if (Option.matches(options::OPT_config))
    return sys::path::has_parent_path(Value) ? NamedFile{Named::Read, "", Value} : NamedFile{};
  // A response file that is not there is left as it is written.
  if (Option.matches(options::OPT_INPUT) && Value.consume_front("@") && !Value.empty())
    return {Named::Read, "@", Value};
  return {Value.empty() ? Named::Nothing : kind(Option), "", Value};
}

static bool isProfile(const Arg &A) {
  static constexpr unsigned Profiles[] = {
      options::OPT_fprofile_use_EQ, options::OPT_fprofile_instr_use_EQ,
      options::OPT_fprofile_instr_use, options::OPT_fprofile_instrument_use_path_EQ};
  return is_contained(Profiles, A.getOption().getID());
}

static SmallString<256> inDirectory(StringRef Path, StringRef Directory) {
  SmallString<256> Result(Path);
  if (!Directory.empty())
    sys::path::make_absolute(Directory, Result);
  return Result;
}

// The file that clang takes where the option names a directory or nothing; empty for most options.
static StringRef usualName(const Arg &A) {
  if (A.getOption().matches(options::OPT_fcodegen_data_use_EQ))
    return "default.cgdata";
  return isProfile(A) ? "default.profdata" : "";
}

// Whether the file of an option is there.
static bool isThere(const Arg &A, StringRef Path) {
  SmallString<256> File(Path);
  StringRef Usual = usualName(A);
  if (!Usual.empty() && (File.empty() || sys::fs::is_directory(File)))
    sys::path::append(File, Usual);
  return sys::fs::exists(File);
}

// Whether a later option of the same command takes the place of this one, so that nobody reads its file.
static bool isReplaced(const CommandLine &Line, const Arg &A) {
  using namespace options;
  static constexpr unsigned Profiles[] = {OPT_fprofile_use_EQ, OPT_fprofile_instr_use_EQ,
                                          OPT_fprofile_instr_use, OPT_fno_profile_instr_use};
  static constexpr unsigned Samples[] = {OPT_fprofile_sample_use_EQ, OPT_fno_profile_sample_use};
  unsigned Self[] = {A.getOption().getID()};
  ArrayRef<unsigned> Family = Self;
  if (is_contained(Profiles, Self[0]))
    Family = Profiles;
  else if (is_contained(Samples, Self[0]))
    Family = Samples;
  else if (Self[0] != OPT_fbasic_block_sections_EQ && Self[0] != OPT_fprofile_remapping_file_EQ)
    return false;
  return any_of(Line.args(), [&](const Arg *Other) {
    return Other->getIndex() > A.getIndex() && is_contained(Family, Other->getOption().getID());
  });
}

// When a backend reads the file of an option that it does not always read. The file itself would say of which kind
// it is, and what the other kinds say is in the module already.
static const char *readOnly(const Arg &A) {
  if (isProfile(A))
    return "if it was a context-sensitive profile";
  if (A.getOption().matches(options::OPT_fprofile_remapping_file_EQ))
    return "beside a profile of samples or a context-sensitive one";
  return "";
}

static void resolveFile(CommandLine &Line, const Arg &A, StringRef Directory, BackendFlags &Flags) {
  auto [What, Before, Path] = named(A);
  if (What == Named::Nothing || (Line.isDropped(A) && Before != "@"))
    return;
  SmallString<256> Absolute = Path.empty() ? SmallString<256>(Directory) : inDirectory(Path, Directory);
  if (What != Named::Place && !isThere(A, Absolute)) {
    if (What == Named::Read && !isReplaced(Line, A)) {
      if (Absolute.empty())
        Absolute = usualName(A);
      Flags.missing.push_back({text(Line.written(A)),
                               text(Absolute),
                               readOnly(A)});
    }
    Line.drop(A);
  } else if (!Directory.empty() && !Line.isDropped(A)) {
    if (Path.empty())
      Line.replaceWord(A, Line.written(A) + "=" + Directory.str());
    else
      Line.replaceValue(A, (Before + Absolute).str());
  }
}

void resolveFiles(CommandLine &Line, StringRef Directory, BackendFlags &Flags) {
  for (const Arg *A : Line.args())
    resolveFile(Line, *A, Directory, Flags);
  if (CommandLine *Forwarded = Line.forwarded())
    resolveFiles(*Forwarded, Directory, Flags);
}

// Adds to `Files` those that `Line` names relative to its directory; whether the job of a backend names some, too.
static bool relativeFiles(CommandLine &Line, SmallVectorImpl<StringRef> &Files) {
  bool Matters = false;
  for (const Arg *A : Line.args()) {
    auto [What, Before, Path] = named(*A);
    const opt::Option &Option = A->getOption();
    // The source and the object say where they are, though the job has its own.
    if (Option.matches(options::OPT_INPUT) || Option.matches(options::OPT_o))
      Path = A->getValue();
    else if (What == Named::Nothing || Line.isDropped(*A))
      continue;
    else
      Matters |= !sys::path::is_absolute(Path);
    if (What != Named::Place && !sys::path::is_absolute(Path))
      Files.push_back(Path.empty() ? usualName(*A) : Path);
  }
  if (CommandLine *Forwarded = Line.forwarded())
    Matters |= relativeFiles(*Forwarded, Files);
  return Matters;
}

std::optional<StringRef> likelyDirectory(CommandLine &Line, ArrayRef<std::string> Places) {
  SmallVector<StringRef, 8> Files;
  if (!relativeFiles(Line, Files))
    return std::nullopt;
  StringRef Best;
  size_t Most = 0;
  for (const std::string &Place : Places) {
    size_t There = count_if(Files, [&](StringRef File) { return sys::fs::exists(inDirectory(File, Place)); });
    if (There > Most) {
      Most = There;
      Best = Place;
    }
  }
  return Best;
}

} // namespace thinfarm
