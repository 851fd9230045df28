// The native objects that lld takes into a link.

#pragma once

#include "llvm-build/src/bridge.rs.h"

#include <string>

namespace thinfarm {

// Tells whoever called `link` what lld does from now on.
void tellReached(LinkStep Step);

// The first native object of the link that has bitcode beside its machine code (FatLTO), by lld's name for it; empty if
// there is none. To be asked when the link has ended.
std::string firstFatObject();

// Whether lld has compiled bitcode.
bool hasRunLto();

} // namespace thinfarm
