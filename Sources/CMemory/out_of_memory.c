// In C, for what runs here must not allocate, and the functions of the C library are replaced.

#ifdef __linux__
#define _GNU_SOURCE
#endif

#include "out_of_memory.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// EX_OSERR of sysexits.h.
enum { SYSTEM_ERROR = 71 };

static const char *tool_name;
static void (*clean_up)(void);

void nn_memory_prepare(const char *tool, void (*clean)(void)) {
  tool_name = tool;
  clean_up = clean;
}

// ------------------------------------------------------------------------------ The last message

static char line[512];
static size_t length;

static void add(const char *text) {
  // Room is left for the line feed.
  while (*text != 0 && length < sizeof line - 1) line[length++] = *text++;
}

static void add_number(uintmax_t number) {
  char digits[24];
  char *start = digits + sizeof digits - 1;
  *start = 0;
  do {
    *--start = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  add(start);
}

static const char *name_of_process(void) {
  if (tool_name != NULL) return tool_name;
#if defined(__linux__)
  return program_invocation_short_name;
#else
  return getprogname();
#endif
}

/// The limit that memory most likely met, where one is set.
static void add_limit(void) {
  struct rlimit space, data;
  if (getrlimit(RLIMIT_AS, &space) != 0) space.rlim_cur = RLIM_INFINITY;
  if (getrlimit(RLIMIT_DATA, &data) != 0) data.rlim_cur = RLIM_INFINITY;
  if (space.rlim_cur == RLIM_INFINITY && data.rlim_cur == RLIM_INFINITY) return;
  // RLIM_INFINITY is the largest number.
  if (space.rlim_cur <= data.rlim_cur) {
    add(" (address space is limited to ");
    add_number(space.rlim_cur);
  } else {
    add(" (data is limited to ");
    add_number(data.rlim_cur);
  }
  add(" bytes)");
}

static void write_line(void) {
  const char *rest = line;
  while (length > 0) {
    ssize_t written = write(2, rest, length);
    if (written >= 0) {
      rest += written;
      length -= (size_t)written;
    } else if (errno == EAGAIN) {
      // Another program has made the terminal one that does not wait.
      struct pollfd terminal = {.fd = 2, .events = POLLOUT};
      poll(&terminal, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

void nn_memory_exhausted(size_t bytes, const char *purpose) {
  // A thread is known by where its errno lies.
  static _Atomic(int *) ending;
  int *nobody = NULL;
  if (!atomic_compare_exchange_strong(&ending, &nobody, &errno)) {
    // An allocation on the way to the end: nothing is left to say it with.
    if (nobody == &errno) _exit(SYSTEM_ERROR);
    for (;;) pause();
  }
  if (clean_up != NULL) clean_up();
  if (isatty(2)) add("\r\x1b[K");
  add(name_of_process());
  add(": out of memory: ");
  add_number(bytes);
  add(bytes == 1 ? " byte" : " bytes");
  if (purpose != NULL) {
    add(" for ");
    add(purpose);
  }
  add(" could not be had");
  add_limit();
  line[length++] = '\n';
  write_line();
  _exit(SYSTEM_ERROR);
}

// ----------------------------------------------------------------------- The C library's functions

// A sanitizer replaces them with its own. pipelines/scripts/fuzz.sh says so by NN_SANITIZED.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NN_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(NN_SANITIZED)

// Under these names the GNU C library keeps its own functions for a program that replaces them (The
// GNU C Library Reference Manual, "Replacing malloc"). Its `free` stays in use.
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static inline void *had(void *memory, size_t bytes) {
  // No bytes are no memory: realloc frees by them.
  if (__builtin_expect(memory == NULL && bytes != 0, 0)) nn_memory_exhausted(bytes, NULL);
  return memory;
}

void *malloc(size_t bytes) { return had(__libc_malloc(bytes), bytes); }

void *calloc(size_t count, size_t bytes) {
  size_t all;
  if (__builtin_mul_overflow(count, bytes, &all)) all = SIZE_MAX;
  return had(__libc_calloc(count, bytes), all);
}

void *realloc(void *memory, size_t bytes) { return had(__libc_realloc(memory, bytes), bytes); }

void *memalign(size_t alignment, size_t bytes) {
  return had(__libc_memalign(alignment, bytes), bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
    return EINVAL;
  *memory = memalign(alignment, bytes);
  return 0;
}

void *nn_memory_aligned(size_t alignment, size_t bytes) {
  return __libc_memalign(alignment, bytes);
}

void *nn_memory_resized(void *memory, size_t bytes) { return __libc_realloc(memory, bytes); }

#else

void *nn_memory_aligned(size_t alignment, size_t bytes) {
  void *memory = NULL;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

void *nn_memory_resized(void *memory, size_t bytes) { return realloc(memory, bytes); }

#endif
