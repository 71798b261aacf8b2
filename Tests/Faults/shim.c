/* A bad night, for programs that are linked to the C library: built by campaign.py and loaded by LD_PRELOAD.

   FAULTS lists what goes wrong, `name=value` separated by commas:
     only=PREFIX    in programs whose names begin so, and in no others; otherwise in all
     seed=N         the start of the random numbers
     short=P        with this probability a read or write moves only some of the bytes
     eintr=P        … read, write and poll fail with EINTR
     eagain=P       … read and write fail with EAGAIN
     clock=P        … the time that a program asks for has jumped back; the monotonic clock is left alone
     victim=NAME    the only program that kill= is meant for; otherwise all are
     kill=N         the Nth call that reads, writes or changes a file kills the process, half-way where it writes
     full=N         files take N bytes in all, then writing fails with ENOSPC
     fail=CALL      the call (fsync, rename) fails with
     errno=N        … this number
     pipe=N         whoever wants a larger pipe gets one of N bytes
   FAULT_REPORT names a file: every program adds a line when it starts, when it kills itself and when it exits, the last
   with how often each call was made and each fault happened. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { READ, READV, PREAD, WRITE, WRITEV, PWRITE, VMSPLICE, POLL, OPEN, FSYNC, RENAME, UNLINK, CALLS };
enum { SHORT, INTERRUPTED, AGAIN, JUMP, FULL, FAILED, PIPE, FAULT_KINDS };

static const char *const call_names[CALLS] = {"read", "readv", "pread", "write", "writev", "pwrite",
                                              "vmsplice", "poll", "open", "fsync", "rename", "unlink"};
static const char *const fault_names[FAULT_KINDS] = {"short", "eintr", "eagain", "clock", "full", "fail", "pipe"};

static int active, is_victim = 1;
static uint64_t seed;
static double p_short, p_interrupted, p_again, p_clock;
static long kill_at, room = -1, pipe_size, failing_errno = EIO;
static char failing[16];
static atomic_long made[CALLS], faults[FAULT_KINDS], drawn, counted, written, behind;

/* The function behind ours; `next(read)` is the C library's read. */
#define next(function)                                                 \
  ({                                                                   \
    static __typeof__(&function) found;                                \
    if (!found) found = (__typeof__(&function))dlsym(RTLD_NEXT, #function); \
    found;                                                             \
  })

static void report(const char *what) {
  const char *path = getenv("FAULT_REPORT");
  if (!path) return;
  char line[1024];
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  int length = snprintf(line, sizeof line, "%s %s %d %ld.%06ld calls=%ld", what, program_invocation_short_name,
                        (int)getpid(), (long)now.tv_sec, now.tv_nsec / 1000, atomic_load(&counted));
  for (int call = 0; call < CALLS; call++)
    length += snprintf(line + length, sizeof line - length, " %s=%ld", call_names[call], atomic_load(&made[call]));
  for (int kind = 0; kind < FAULT_KINDS; kind++)
    length += snprintf(line + length, sizeof line - length, " +%s=%ld", fault_names[kind], atomic_load(&faults[kind]));
  line[length++] = '\n';
  int number = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (number < 0) return;
  (void)!syscall(SYS_write, number, line, (size_t)length);
  syscall(SYS_close, number);
}

static void set(const char *name, const char *value) {
  if (!strcmp(name, "only")) active = !strncmp(program_invocation_short_name, value, strlen(value));
  else if (!strcmp(name, "victim")) is_victim = !strcmp(program_invocation_short_name, value);
  else if (!strcmp(name, "seed")) seed = strtoull(value, NULL, 10);
  else if (!strcmp(name, "short")) p_short = atof(value);
  else if (!strcmp(name, "eintr")) p_interrupted = atof(value);
  else if (!strcmp(name, "eagain")) p_again = atof(value);
  else if (!strcmp(name, "clock")) p_clock = atof(value);
  else if (!strcmp(name, "kill")) kill_at = atol(value);
  else if (!strcmp(name, "full")) room = atol(value);
  else if (!strcmp(name, "fail")) snprintf(failing, sizeof failing, "%s", value);
  else if (!strcmp(name, "errno")) failing_errno = atol(value);
  else if (!strcmp(name, "pipe")) pipe_size = atol(value);
  else {
    fprintf(stderr, "shim: FAULTS: found '%s', expected a fault that shim.c lists\n", name);
    _exit(64);
  }
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAULTS");
  if (!text) return;
  active = 1;
  char *copy = strdup(text), *rest = copy, *word;
  while ((word = strsep(&rest, ","))) {
    char *value = strchr(word, '=');
    if (!value) continue;
    *value = 0;
    set(word, value + 1);
  }
  free(copy);
  for (const char *letter = program_invocation_short_name; *letter; letter++) seed = seed * 31 + (unsigned char)*letter;
  if (active) report("start");
}

__attribute__((destructor)) static void end(void) {
  if (active) report("end");
}

/* splitmix64 of the seed, the program's name and a number that counts up. */
static uint64_t draw(void) {
  uint64_t z = seed + (uint64_t)(atomic_fetch_add(&drawn, 1) + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static int happens(double probability, int kind) {
  if (!active || probability <= 0 || (double)(draw() >> 11) * 0x1p-53 >= probability) return 0;
  atomic_fetch_add(&faults[kind], 1);
  return 1;
}

/* Counts a call; whether it is the one to die in. */
static int dies(int call) {
  if (!active) return 0;
  atomic_fetch_add(&made[call], 1);
  return call != POLL && atomic_fetch_add(&counted, 1) + 1 == kill_at && is_victim;
}

static void die(void) {
  report("kill");
  syscall(SYS_kill, getpid(), SIGKILL);
}

/* Whether the call fails, with errno set. */
static int fails(void) {
  if (happens(p_interrupted, INTERRUPTED)) return errno = EINTR, 1;
  if (happens(p_again, AGAIN)) return errno = EAGAIN, 1;
  return 0;
}

/* How many of so many bytes: few as often as any other number. */
static size_t part(size_t count) {
  if (count < 2 || !happens(p_short, SHORT)) return count;
  uint64_t value = draw();
  size_t limit = value & 1 && count > 16 ? 16 : count - 1;
  return 1 + (value >> 1) % limit;
}

/* How many of so many bytes a file has room for; -1 with ENOSPC for none. */
static ssize_t fitting(int number, size_t count) {
  struct stat status;
  if (!active || room < 0 || count == 0 || fstat(number, &status) || !S_ISREG(status.st_mode)) return (ssize_t)count;
  long left = room - atomic_load(&written);
  if (left > 0) {
    size_t taken = count < (size_t)left ? count : (size_t)left;
    atomic_fetch_add(&written, (long)taken);
    return (ssize_t)taken;
  }
  atomic_fetch_add(&faults[FULL], 1);
  errno = ENOSPC;
  return -1;
}

/* The first `count` bytes of the buffers, in `cut`; returns how many buffers they lie in. */
static int cut_to(const struct iovec *buffers, int number, size_t count, struct iovec *cut) {
  int used = 0;
  while (used < number && count > 0) {
    cut[used] = buffers[used];
    if (cut[used].iov_len > count) cut[used].iov_len = count;
    count -= cut[used++].iov_len;
  }
  return used;
}

static size_t total(const struct iovec *buffers, int number) {
  size_t sum = 0;
  for (int index = 0; index < number; index++) sum += buffers[index].iov_len;
  return sum;
}

ssize_t read(int number, void *bytes, size_t count) {
  if (dies(READ)) die();
  if (fails()) return -1;
  return next(read)(number, bytes, part(count));
}

ssize_t pread(int number, void *bytes, size_t count, off_t offset) {
  if (dies(PREAD)) die();
  if (fails()) return -1;
  return next(pread)(number, bytes, part(count), offset);
}

ssize_t readv(int number, const struct iovec *buffers, int many) {
  if (dies(READV)) die();
  if (fails()) return -1;
  struct iovec cut[IOV_MAX];
  if (many > IOV_MAX) return next(readv)(number, buffers, many);
  return next(readv)(number, cut, cut_to(buffers, many, part(total(buffers, many)), cut));
}

ssize_t write(int number, const void *bytes, size_t count) {
  if (dies(WRITE)) {
    (void)!next(write)(number, bytes, draw() % (count + 1));
    die();
  }
  if (fails()) return -1;
  ssize_t taken = fitting(number, part(count));
  return taken < 0 ? -1 : next(write)(number, bytes, (size_t)taken);
}

ssize_t pwrite(int number, const void *bytes, size_t count, off_t offset) {
  if (dies(PWRITE)) {
    (void)!next(pwrite)(number, bytes, draw() % (count + 1), offset);
    die();
  }
  if (fails()) return -1;
  ssize_t taken = fitting(number, part(count));
  return taken < 0 ? -1 : next(pwrite)(number, bytes, (size_t)taken, offset);
}

ssize_t writev(int number, const struct iovec *buffers, int many) {
  struct iovec cut[IOV_MAX];
  if (many > IOV_MAX) return errno = EINVAL, -1;
  if (dies(WRITEV)) {
    (void)!next(writev)(number, cut, cut_to(buffers, many, draw() % (total(buffers, many) + 1), cut));
    die();
  }
  if (fails()) return -1;
  ssize_t taken = fitting(number, part(total(buffers, many)));
  return taken < 0 ? -1 : next(writev)(number, cut, cut_to(buffers, many, (size_t)taken, cut));
}

ssize_t vmsplice(int number, const struct iovec *buffers, size_t many, unsigned int flags) {
  struct iovec cut[IOV_MAX];
  if (many > IOV_MAX) return errno = EINVAL, -1;
  if (dies(VMSPLICE)) {
    (void)!next(vmsplice)(
        number, cut, (size_t)cut_to(buffers, (int)many, draw() % (total(buffers, (int)many) + 1), cut), flags);
    die();
  }
  if (fails()) return -1;
  size_t taken = part(total(buffers, (int)many));
  return next(vmsplice)(number, cut, (size_t)cut_to(buffers, (int)many, taken, cut), flags);
}

int poll(struct pollfd *watched, nfds_t many, int timeout) {
  dies(POLL);
  if (happens(p_interrupted, INTERRUPTED)) return errno = EINTR, -1;
  return next(poll)(watched, many, timeout);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (dies(OPEN)) die();
  return next(open)(path, flags, mode);
}

/* Whether CALL is the one that is to fail, with errno set. */
static int is_failing(int call) {
  if (!active || strcmp(failing, call_names[call])) return 0;
  atomic_fetch_add(&faults[FAILED], 1);
  errno = (int)failing_errno;
  return 1;
}

int fsync(int number) {
  if (dies(FSYNC)) die();
  return is_failing(FSYNC) ? -1 : next(fsync)(number);
}

int rename(const char *old, const char *new) {
  if (dies(RENAME)) die();
  return is_failing(RENAME) ? -1 : next(rename)(old, new);
}

int unlink(const char *path) {
  if (dies(UNLINK)) die();
  return next(unlink)(path);
}

int fcntl(int number, int request, ...) {
  va_list more;
  va_start(more, request);
  void *argument = va_arg(more, void *);
  va_end(more);
  if (active && pipe_size && request == F_SETPIPE_SZ) {
    atomic_fetch_add(&faults[PIPE], 1);
    argument = (void *)pipe_size;
  }
  return next(fcntl)(number, request, argument);
}

/* Seconds that the clock is behind by now: a jump is up to a minute, a day or ten years. */
static long seconds_behind(void) {
  static const long most[] = {60, 86400, 315360000};
  if (happens(p_clock, JUMP)) atomic_store(&behind, (long)(draw() % (uint64_t)most[draw() % 3]));
  return atomic_load(&behind);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int status = (int)syscall(SYS_clock_gettime, clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec -= seconds_behind();
  return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int status = (int)syscall(SYS_gettimeofday, now, zone);
  if (status == 0) now->tv_sec -= seconds_behind();
  return status;
}

time_t time(time_t *result) {
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  time_t seconds = now.tv_sec - seconds_behind();
  if (result) *result = seconds;
  return seconds;
}
