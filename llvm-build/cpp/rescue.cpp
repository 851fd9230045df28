// Jobs that wait for what a crashed one holds for ever.
//
// A crash leaves a guarded call by a jump, so locks of LLVM and of the allocator that were held stay held. Which of
// them were, nobody knows. What shows is that a job does not go on: its thread uses no processor. Such a job is
// ended as the crashed one was, from a signal handler on its own thread.

#include "rescue.h"
#include "bridge.h"
#include "crash.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>
#include <vector>

namespace thinfarm {

namespace {

struct JobThread {
  uint64_t Id;
  pthread_t Thread;
  clockid_t Clock;
  // Nanoseconds at the last look.
  int64_t Used;
  // For so many looks little was added to that.
  uint32_t Idle;
};

// Nanoseconds of a processor between two looks.
constexpr int64_t Little = 1000000;

} // namespace

static std::mutex Lock;
static std::vector<JobThread> Threads;
static std::atomic<bool> Crashed{false};
// Counts the first crash.
static struct Semaphore {
  Semaphore() { sem_init(&Count, 0, 0); }
  sem_t Count;
} Noted;

// Ignored by default, so nothing depends on it and a stray one does nothing.
int rescueSignal() { return SIGURG; }

uint64_t watch_job_thread() {
  static uint64_t Last = 0;
  JobThread Thread = {0, pthread_self(), 0, 0, 0};
  pthread_getcpuclockid(Thread.Thread, &Thread.Clock);
  std::lock_guard<std::mutex> Guard(Lock);
  Thread.Id = ++Last;
  Threads.push_back(Thread);
  return Thread.Id;
}

void unwatch_job_thread(uint64_t Id) {
  std::lock_guard<std::mutex> Guard(Lock);
  Threads.erase(std::find_if(Threads.begin(), Threads.end(),
                             [=](const JobThread &Thread) { return Thread.Id == Id; }));
}

void noteCrash() {
  if (!Crashed.exchange(true))
    sem_post(&Noted.Count);
}

bool has_crashed() { return Crashed; }

void wait_for_crash_in_job() {
  while (sem_wait(&Noted.Count) != 0 && errno == EINTR) {
  }
}

static void onRescue(int) { leaveGuardedCall(rescueSignal()); }

// The thread waits where no guarded call can be ended: in this program itself.
[[noreturn]] static void giveUp() {
  static const char Words[] = "thinfarm: error: LLVM crashed in a job, and since then other jobs do not go on; "
                              "the process ends\n";
  // There may be no memory to be had.
  (void)!write(STDERR_FILENO, Words, sizeof(Words) - 1);
  std::abort();
}

void watch_jobs(uint32_t Patience) {
  struct sigaction Handler = {};
  Handler.sa_handler = onRescue;
  Handler.sa_flags = SA_ONSTACK | SA_NODEFER;
  sigaction(rescueSignal(), &Handler, nullptr);
  // A thread takes itself off the list, so those on it live.
  std::lock_guard<std::mutex> Guard(Lock);
  for (JobThread &Thread : Threads) {
    timespec Now = {0, 0};
    clock_gettime(Thread.Clock, &Now);
    int64_t Used = int64_t(Now.tv_sec) * 1000000000 + Now.tv_nsec;
    // To be told to end, and to wait again, takes a little.
    bool GoesOn = Used - Thread.Used > Little;
    Thread.Used = Used;
    Thread.Idle = GoesOn ? 0 : Thread.Idle + 1;
    if (Thread.Idle == Patience)
      pthread_kill(Thread.Thread, rescueSignal());
    else if (Thread.Idle == 2 * Patience)
      giveUp();
  }
}

} // namespace thinfarm
