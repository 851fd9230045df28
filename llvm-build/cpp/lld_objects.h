// Objects that lld takes as they are, without a copy.

#pragma once

#include <string>

namespace thinfarm {

struct LinkObject;

// Says whether lld takes the objects of the link that begins so. If it `May`, it needs `argumentForLending` before all
// other arguments.
void setLending(bool May);
std::string argumentForLending();

// Lends `Object` to lld for as long as that lives; false if lld has to be given a copy.
bool lendObject(const LinkObject &Object);

} // namespace thinfarm
