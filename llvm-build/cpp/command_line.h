// One command line of clang's driver or of cc1, option by option, while it is changed.

#pragma once

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Support/StringSaver.h"

#include <memory>
#include <optional>

namespace thinfarm {

struct BackendFlags;

class CommandLine {
public:
  CommandLine(llvm::ArrayRef<const char *> Words, bool IsCc1, llvm::StringSaver &Saver);

  // The options, as clang's table has them.
  const llvm::opt::InputArgList &args() const { return Args; }
  // The values of -Xclang options, which are a cc1 command line of their own. Null without any.
  CommandLine *forwarded() { return Forwarded.get(); }

  bool isDropped(const llvm::opt::Arg &A) const { return Dropped.test(A.getIndex()); }
  void drop(const llvm::opt::Arg &A) { Dropped.set(A.getIndex()); }
  // The words of an option as they are written, joined by blanks.
  std::string written(const llvm::opt::Arg &A) const;
  // Gives the only value of an option another value.
  void replaceValue(const llvm::opt::Arg &A, llvm::StringRef Value);
  // Replaces the first word of an option.
  void replaceWord(const llvm::opt::Arg &A, llvm::StringRef Word);

  // The options that are left, behind what `Flags` has already.
  void appendTo(BackendFlags &Flags);

private:
  void takeForwarded();
  void giveForwardedBack();

  llvm::SmallVector<const char *, 64> Argv;
  llvm::StringSaver &Saver;
  llvm::opt::InputArgList Args;
  // Positions in Argv at which options start, and its end.
  llvm::SmallVector<unsigned, 64> Starts;
  llvm::BitVector Dropped;
  std::unique_ptr<CommandLine> Forwarded;
  // Positions in Argv of the -Xclang of each forwarded word.
  llvm::SmallVector<unsigned, 8> Owners;
};

// Makes what options of `Line` name absolute, in `Directory` (empty for that of this process), and drops the options of
// files that are not there. Those that a backend would read are added to what `Flags` misses.
void resolveFiles(CommandLine &Line, llvm::StringRef Directory, BackendFlags &Flags);

// The directory in which `Line` most likely ran: the first of `Places` that has the most of the files that it names.
// Empty if none has any; nothing, if nothing in `Line` depends on it.
std::optional<llvm::StringRef> likelyDirectory(CommandLine &Line, llvm::ArrayRef<std::string> Places);

} // namespace thinfarm
