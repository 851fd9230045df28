// Preloaded into thinfarm: counts the calls that take locks, the process's or the kernel's, and tells when the process
// ends.
//
// Counted are calls, whether they waited or not: a lock that nobody waits for on two cores is a cache line that
// sixty-four write to. Atomic operations that are no calls (Rust's locks, reference counts) are not seen.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

// A counter per thread and call, so that counting adds no contention of its own.
enum { READ_LOCK, WRITE_LOCK, MUTEX, MAP, UNMAP, ADVISE, CALLS };
static const char *const names[CALLS] = {"read locks", "write locks", "mutexes", "mmap", "munmap", "madvise"};
static _Thread_local unsigned long counts[CALLS];
static unsigned long totals[CALLS];
static pthread_key_t key;

static void add(void *unused) {
  (void)unused;
  for (int call = 0; call < CALLS; ++call) {
    __atomic_fetch_add(&totals[call], counts[call], __ATOMIC_RELAXED);
    counts[call] = 0;
  }
}

static void count(int call) {
  // The value only has to be there for `add` to be called when the thread ends.
  if (++counts[call] == 1)
    pthread_setspecific(key, counts);
}

__attribute__((constructor)) static void start(void) { pthread_key_create(&key, add); }

__attribute__((destructor)) static void report(void) {
  add(NULL);
  const char *path = getenv("THINFARM_LOCKS");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file)
    return;
  for (int call = 0; call < CALLS; ++call)
    fprintf(file, "%lu %s\n", totals[call], names[call]);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  fprintf(file, "%ld page faults\n%ld context switches\n", usage.ru_minflt, usage.ru_nvcsw + usage.ru_nivcsw);
  fclose(file);
}

#define COUNTED(CALL, RESULT, NAME, PARAMETERS, ARGUMENTS)                                                     \
  RESULT NAME PARAMETERS {                                                                                     \
    static RESULT(*real) PARAMETERS;                                                                           \
    if (!real)                                                                                                 \
      real = (RESULT(*) PARAMETERS)dlsym(RTLD_NEXT, #NAME);                                                    \
    count(CALL);                                                                                               \
    return real ARGUMENTS;                                                                                     \
  }

COUNTED(READ_LOCK, int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
COUNTED(WRITE_LOCK, int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
COUNTED(MUTEX, int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
COUNTED(MUTEX, int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
COUNTED(MAP, void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset),
        (at, size, protection, flags, file, offset))
COUNTED(MAP, void *, mmap64, (void *at, size_t size, int protection, int flags, int file, off64_t offset),
        (at, size, protection, flags, file, offset))
COUNTED(UNMAP, int, munmap, (void *at, size_t size), (at, size))
COUNTED(ADVISE, int, madvise, (void *at, size_t size, int advice), (at, size, advice))
