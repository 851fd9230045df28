// What the allocator tells of the calling thread, if it is jemalloc with statistics.

#include "bridge.h"

#include <cstddef>
#include <cstdint>

// Weak, because a program that embeds this library may have another allocator.
extern "C" __attribute__((weak)) int mallctl(const char *Name, void *Old,
                                             size_t *OldSize, void *New,
                                             size_t NewSize);

namespace thinfarm {

void reset_thread_peak() {
  if (mallctl)
    mallctl("thread.peak.reset", nullptr, nullptr, nullptr, 0);
}

uint64_t thread_peak() {
  uint64_t Peak = 0;
  size_t Size = sizeof(Peak);
  bool IsTold = mallctl && mallctl("thread.peak.read", &Peak, &Size, nullptr, 0) == 0;
  return IsTold ? Peak : 0;
}

} // namespace thinfarm
