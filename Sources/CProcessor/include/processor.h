#ifndef NN_PROCESSOR_H
#define NN_PROCESSOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/// Whether the processor, and the system that runs it, have AVX2 with fused multiply-add (x86-64-v3).
bool nn_processor_has_avx2(void);

/// Whether they have AVX-512 as servers do (x86-64-v4).
bool nn_processor_has_avx512(void);

/// The core that the calling thread is on; -1 where the system does not say.
int nn_processor_core(void);

/// How many cores the calling thread may run on; 0 where the system does not say.
int nn_processor_core_count(void);

/// Lets threads run on every core that the calling thread may run on, but this one; on all, if the others are fewer than the
/// threads.
void nn_processor_keep_off(const pthread_t *threads, size_t count, int core);

/// Tells the processor that the thread looks again and again for what another one does: the core, if two threads run on it,
/// works for the other one.
static inline void nn_processor_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Asks for memory that will soon be read, without waiting for it.
static inline void nn_processor_fetch(const void *start, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += 64)
    __builtin_prefetch((const char *)start + offset);
  __builtin_prefetch((const char *)start + bytes - 1);
}

#endif
