// Jobs that wait for what a crashed one holds for ever.

#pragma once

#include <cstdint>

namespace thinfarm {

// The signal by which a guarded call that does not go on is ended.
int rescueSignal();

// LLVM has crashed in a guarded call. For signal handlers, too.
void noteCrash();

uint64_t watch_job_thread();
void unwatch_job_thread(uint64_t Id);
bool has_crashed();
void wait_for_crash_in_job();
void watch_jobs(uint32_t Patience);

} // namespace thinfarm
