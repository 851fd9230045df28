#include "command_line.h"
#include "guard.h"

#include "llvm-build/src/bridge.rs.h"

#include "clang/Options/Options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Option/OptTable.h"

#include <optional>

using namespace clang;
using namespace llvm;
using opt::Arg;

namespace thinfarm {

namespace {

// What clang's table says of words that are an option each, with or without a value in the same word.
//
// The files of a build have nearly all words of their commands in common, and to find one among thousands of options
// takes most of the time there is to a command. Which option a word is depends on nothing else (`OptTable::ParseOneArg`),
// unless it takes words that follow: those are always looked up.
class KnownWords {
public:
  explicit KnownWords(opt::Visibility Seen) : Seen(Seen) {}

  // As `OptTable::ParseOneArg`: null if `Args` end within the option, and `Index` is behind it then.
  std::unique_ptr<Arg> parse(const opt::InputArgList &Args, unsigned &Index) {
    const char *Word = Args.getArgString(Index);
    const opt::OptTable &Table = getDriverOptTable();
    if (auto Found = Known.find(Word); Found != Known.end()) {
      const auto &[Option, Spelling, Value] = Found->second;
      return std::make_unique<Arg>(Table.getOption(Option), StringRef(Word, Spelling), Index++,
                                   Value ? Word + *Value : nullptr);
    }
    const unsigned Begin = Index;
    std::unique_ptr<Arg> Parsed = Table.ParseOneArg(Args, Index, Seen);
    if (Parsed && Index == Begin + 1 && Known.size() < Most)
      if (std::optional<KnownWord> Found = known(*Parsed, Word))
        Known.try_emplace(Word, *Found);
    return Parsed;
  }

private:
  struct KnownWord {
    opt::OptSpecifier Option;
    // How many characters of the word are the option's name, and at which its value begins.
    size_t Spelling;
    std::optional<size_t> Value;
  };

  static std::optional<KnownWord> known(const Arg &A, StringRef Word) {
    static constexpr unsigned OfOneWord[] = {opt::Option::FlagClass, opt::Option::JoinedClass,
                                             opt::Option::JoinedOrSeparateClass,
                                             opt::Option::InputClass, opt::Option::UnknownClass};
    if (A.getAlias() || A.getOwnsValues() || A.getNumValues() > 1 ||
        !is_contained(OfOneWord, A.getOption().getKind()) || A.getSpelling().data() != Word.data())
      return std::nullopt;
    std::optional<size_t> Value;
    if (A.getNumValues() == 1) {
      const char *Begin = A.getValue();
      if (Begin < Word.begin() || Begin > Word.end())
        return std::nullopt;
      Value = Begin - Word.begin();
    }
    return KnownWord{A.getOption().getID(), A.getSpelling().size(), Value};
  }

  // Words of one file alone (-D, names of files) are not to fill the memory.
  static constexpr unsigned Most = 4096;

  const opt::Visibility Seen;
  StringMap<KnownWord> Known;
};

} // namespace

// As `OptTable::ParseArgs`, in a table without options that are grouped or end at `--`.
static opt::InputArgList parse(ArrayRef<const char *> Words, bool IsCc1, unsigned &MissingIndex,
                               unsigned &MissingCount) {
  static thread_local KnownWords OfDriver{opt::Visibility(options::ClangOption)};
  static thread_local KnownWords OfCc1{opt::Visibility(options::CC1Option)};
  opt::InputArgList Args(Words.begin(), Words.end());
  MissingIndex = MissingCount = 0;
  for (unsigned Index = 0; Index < Words.size();) {
    // The end of a line of a response file, or a word without a character.
    if (!Words[Index] || !*Words[Index]) {
      ++Index;
      continue;
    }
    const unsigned Begin = Index;
    std::unique_ptr<Arg> A = (IsCc1 ? OfCc1 : OfDriver).parse(Args, Index);
    if (!A) {
      MissingIndex = Begin;
      MissingCount = Index - Begin - 1;
      break;
    }
    Args.append(A.release());
  }
  return Args;
}

CommandLine::CommandLine(ArrayRef<const char *> Words, bool IsCc1, StringSaver &Saver)
    : Argv(Words), Saver(Saver), Dropped(Words.size()) {
  unsigned MissingIndex, MissingCount;
  Args = parse(Words, IsCc1, MissingIndex, MissingCount);
  for (const Arg *A : Args)
    Starts.push_back(A->getIndex());
  // An option without its value; clang will say so.
  if (MissingCount)
    Starts.push_back(MissingIndex);
  llvm::sort(Starts);
  Starts.erase(llvm::unique(Starts), Starts.end());
  Starts.push_back(Argv.size());
  if (!IsCc1)
    takeForwarded();
}

void CommandLine::takeForwarded() {
  SmallVector<const char *, 8> Words;
  for (unsigned Start : drop_end(Starts))
    if (StringRef(Argv[Start]) == "-Xclang" && Start + 1 < Argv.size()) {
      Owners.push_back(Start);
      Words.push_back(Argv[Start + 1]);
    }
  if (!Words.empty())
    Forwarded = std::make_unique<CommandLine>(Words, /*IsCc1=*/true, Saver);
}

void CommandLine::giveForwardedBack() {
  if (!Forwarded)
    return;
  for (auto [Start, End] : zip(drop_end(Forwarded->Starts), drop_begin(Forwarded->Starts)))
    for (unsigned At = Start; At < End; ++At) {
      Argv[Owners[At] + 1] = Forwarded->Argv[At];
      if (Forwarded->Dropped.test(Start))
        Dropped.set(Owners[At]);
    }
}

std::string CommandLine::written(const Arg &A) const {
  const unsigned *End = llvm::upper_bound(Starts, A.getIndex());
  return join(ArrayRef(Argv).slice(A.getIndex(), *End - A.getIndex()), " ");
}

void CommandLine::replaceWord(const Arg &A, StringRef Word) {
  Argv[A.getIndex()] = Saver.save(Word).data();
}

void CommandLine::replaceValue(const Arg &A, StringRef Value) {
  const char *Old = A.getValue();
  StringRef Word = Argv[A.getIndex()];
  if (Old >= Word.begin() && Old <= Word.end())
    replaceWord(A, (Word.take_front(Old - Word.begin()) + Value).str());
  else if (A.getIndex() + 1 < Argv.size() && Argv[A.getIndex() + 1] == Old)
    Argv[A.getIndex() + 1] = Saver.save(Value).data();
  else
    // A value that the option has without being given one.
    replaceWord(A, (Word + "=" + Value).str());
}

void CommandLine::appendTo(BackendFlags &Flags) {
  giveForwardedBack();
  for (auto [Start, End] : zip(drop_end(Starts), drop_begin(Starts))) {
    if (Dropped.test(Start))
      continue;
    Flags.starts.push_back(Flags.flags.size());
    for (unsigned At = Start; At < End; ++At)
      Flags.flags.push_back(text(Argv[At]));
  }
  Flags.starts.push_back(Flags.flags.size());
}

} // namespace thinfarm
