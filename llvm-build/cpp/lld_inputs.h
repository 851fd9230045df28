// The native objects that lld takes into a link.

#pragma once

#include <string>

namespace thinfarm {

// The first native object of the link that has bitcode beside its machine code (FatLTO), by lld's name for it; empty if
// there is none. To be asked when the link has ended.
std::string firstFatObject();

// Whether lld has compiled bitcode.
bool hasRunLto();

} // namespace thinfarm
