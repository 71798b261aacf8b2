#ifndef NN_BLAS_THREADS_H
#define NN_BLAS_THREADS_H

#include <stdbool.h>

/// Whether OpenBLAS computes with the calling thread alone, as `threads.c` asks it to before `main`.
bool nn_blas_has_one_thread(void);

#endif
