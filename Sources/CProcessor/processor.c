// What Swift has no word for: the compiler's own question to the processor.

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
