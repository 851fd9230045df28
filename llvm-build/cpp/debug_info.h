// Whether debug information of bitcode is verified when a job loads it.

#pragma once

namespace thinfarm {

// While there is one on a thread, that thread takes debug information as valid, where LLVM is linked statically. For
// jobs that read bitcode of this very LLVM only, which wrote it valid. LLVM knows such a setting for the whole
// process alone, and what a job does may not depend on its neighbours.
class TrustedDebugInfo {
public:
  explicit TrustedDebugInfo(bool Trusted) { IsGiven = Trusted; }
  ~TrustedDebugInfo() { IsGiven = false; }
  TrustedDebugInfo(const TrustedDebugInfo &) = delete;
  TrustedDebugInfo &operator=(const TrustedDebugInfo &) = delete;

  static bool isGiven() { return IsGiven; }

private:
  static inline thread_local bool IsGiven = false;
};

} // namespace thinfarm
