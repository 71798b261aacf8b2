#ifndef NN_PROCESSOR_H
#define NN_PROCESSOR_H

#include <stdbool.h>

/// Whether the processor, and the system that runs it, have AVX2 with fused multiply-add (x86-64-v3).
bool nn_processor_has_avx2(void);

/// Whether they have AVX-512 as servers do (x86-64-v4).
bool nn_processor_has_avx512(void);

#endif
