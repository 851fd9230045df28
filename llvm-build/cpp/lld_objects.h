// Objects that lld takes as they are, without a copy.

#pragma once

#include <string>

namespace thinfarm {

struct LinkObject;

// Says whether lld takes the objects of the link that begins so. If it `May`, it needs `argumentForLending` before all
// other arguments.
void setLending(bool May);
std::string argumentForLending();

// Says that the objects of this link are not made by LLVM's own backends, and whether they are cached where lld would
// have them.
void setFarm(bool CachesAsLld);

// Lends `Object` to lld for as long as that lives; false if lld has to be given a copy.
bool lendObject(const LinkObject &Object);

// Says that `Object` would be in a cache if lld had made it, for what lld says when it prunes that.
void countForPruning(const LinkObject &Object);

} // namespace thinfarm
