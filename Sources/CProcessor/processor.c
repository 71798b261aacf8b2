// What Swift has no word for: the compiler's own question to the processor, and the system's sets of cores.

#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif

#include "processor.h"

#if defined(__x86_64__)

bool nn_processor_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

bool nn_processor_has_avx512(void) {
  return nn_processor_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

#else

bool nn_processor_has_avx2(void) { return false; }
bool nn_processor_has_avx512(void) { return false; }

#endif

#ifdef __linux__

int nn_processor_core(void) { return sched_getcpu(); }

// A system of more cores than a set holds says nothing, and its threads stay where they may be.

int nn_processor_core_count(void) {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 0;
}

void nn_processor_keep_off(const pthread_t *threads, size_t count, int core) {
  cpu_set_t cores;
  if (core < 0 || core >= CPU_SETSIZE || sched_getaffinity(0, sizeof cores, &cores) != 0) return;
  if ((size_t)CPU_COUNT(&cores) > count) CPU_CLR(core, &cores);
  for (size_t number = 0; number < count; number++)
    pthread_setaffinity_np(threads[number], sizeof cores, &cores);
}

#else

int nn_processor_core(void) { return -1; }
int nn_processor_core_count(void) { return 0; }

void nn_processor_keep_off(const pthread_t *threads, size_t count, int core) {
  (void)threads;
  (void)count;
  (void)core;
}

#endif
