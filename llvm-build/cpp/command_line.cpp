#include "command_line.h"
#include "guard.h"

#include "llvm-build/src/bridge.rs.h"

#include "clang/Options/Options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Option/OptTable.h"

using namespace clang;
using namespace llvm;
using opt::Arg;

namespace thinfarm {

CommandLine::CommandLine(ArrayRef<const char *> Words, bool IsCc1, StringSaver &Saver)
    : Argv(Words), Saver(Saver), Dropped(Words.size()) {
  unsigned MissingIndex, MissingCount;
  Args = getDriverOptTable().ParseArgs(
      Words, MissingIndex, MissingCount,
      opt::Visibility(IsCc1 ? options::CC1Option : options::ClangOption));
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
