// The one clock of the stages of a backend job.

#pragma once

#include "llvm-build/src/bridge.rs.h"

#include <ctime>

namespace thinfarm {

// Splits one thread's time into consecutive stages. A stage ends where the next begins, so nothing
// is counted twice and nothing is missed.
class StageClock {
public:
  StageClock() : Last(now()) {}

  // Ends the running stage and books it.
  void end(StageTime &Stage) {
    StageTime Now = now();
    Stage.wall += Now.wall - Last.wall;
    Stage.cpu += Now.cpu - Last.cpu;
    Last = Now;
  }

private:
  static double seconds(clockid_t Clock) {
    timespec Time;
    clock_gettime(Clock, &Time);
    return static_cast<double>(Time.tv_sec) + Time.tv_nsec * 1e-9;
  }

  static StageTime now() {
    return {seconds(CLOCK_MONOTONIC), seconds(CLOCK_THREAD_CPUTIME_ID)};
  }

  StageTime Last;
};

} // namespace thinfarm
