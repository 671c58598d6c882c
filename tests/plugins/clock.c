/*
 * A clock that a test sets while the program runs: preloaded (LD_PRELOAD), it adds to the day's clock, and to the one
 * that counts sleep, what two 64-bit numbers of nanoseconds in the file $CLOCK_FILE say at that moment.
 *
 * The monotonic clock and all waiting are the system's own. Where a wait ends at an instant of the day's clock, that
 * instant is told to the system in its own time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static volatile const int64_t nothing[2] = {0, 0};
static volatile const int64_t *set = nothing; /* of the day's clock; of the one that counts sleep */

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CLOCK_FILE");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) set = mapped;
  close(file);
}

static int64_t ahead(clockid_t clock) {
  switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_REALTIME_ALARM: case CLOCK_TAI: return set[0];
    case CLOCK_BOOTTIME: case CLOCK_BOOTTIME_ALARM: return set[1];
    default: return 0;
  }
}

static void add(struct timespec *at, int64_t more) {
  int64_t seconds = more / SECOND, rest = at->tv_nsec + more % SECOND;
  if (rest < 0) rest += SECOND, seconds -= 1;
  if (rest >= SECOND) rest -= SECOND, seconds += 1;
  at->tv_sec += seconds;
  at->tv_nsec = rest;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  if (syscall(SYS_clock_gettime, clock, at)) return -1; /* not libc's: it may be asked before libraries are bound */
  add(at, ahead(clock));
  return 0;
}

int timespec_get(struct timespec *at, int base) {
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

/* --- waits that end at an instant of the day ------------------------------------------------------------------- */

#define THE_REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static struct timespec told(clockid_t clock, const struct timespec *until) {
  struct timespec at = *until;
  add(&at, -ahead(clock));
  return at;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *asked, struct timespec *left) {
  THE_REAL(clock_nanosleep);
  if (!(flags & TIMER_ABSTIME)) return real(clock, flags, asked, left);
  struct timespec until = told(clock, asked);
  return real(clock, flags, &until, left);
}

int sem_timedwait(sem_t *restrict lock, const struct timespec *restrict asked) {
  THE_REAL(sem_timedwait);
  struct timespec until = told(CLOCK_REALTIME, asked);
  return real(lock, &until);
}

int sem_clockwait(sem_t *restrict lock, clockid_t clock, const struct timespec *restrict asked) {
  THE_REAL(sem_clockwait);
  struct timespec until = told(clock, asked);
  return real(lock, clock, &until);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict lock, const struct timespec *restrict asked) {
  THE_REAL(pthread_mutex_timedlock);
  struct timespec until = told(CLOCK_REALTIME, asked);
  return real(lock, &until);
}
