// Jobs that wait for what a crashed one holds for ever.

#pragma once

#include <cstdint>

namespace thinfarm {

// The signal by which a guarded call that does not go on is ended.
int rescueSignal();

// LLVM has crashed in a guarded call.
void noteCrash();

uint64_t watch_job_thread();
void unwatch_job_thread(uint64_t Id);
bool has_crashed();
bool watch_jobs(uint32_t Patience);

} // namespace thinfarm
