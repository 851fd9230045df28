// Module ids in indexes that are written and read here.
//
// LLVM's writer of indexes takes each byte of a module id with its sign (`writeModStrings`,
// lib/Bitcode/Writer/BitcodeWriter.cpp): from the first that is not ASCII on, an id is not what it was. Such an
// id is put into an index in other words, and turned back by whoever reads it.

#pragma once

#include "llvm/ADT/StringRef.h"

#include <string>

namespace llvm {
class ModuleSummaryIndex;
}

namespace thinfarm {

// The words for Id: its own if all of it is ASCII.
std::string idInIndex(llvm::StringRef Id);

// The other way, of one id.
std::string idOutsideIndex(llvm::StringRef Id);

// Gives the modules of an index that is about to be written the ids of `idInIndex`; what is known by the
// old ids stays.
void putIdsIntoIndex(llvm::ModuleSummaryIndex &Index);

// The other way, in an index that was read.
void takeIdsFromIndex(llvm::ModuleSummaryIndex &Index);

} // namespace thinfarm
