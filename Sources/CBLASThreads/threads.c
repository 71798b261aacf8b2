// OpenBLAS starts a thread for every core when it is loaded. Nobody here wants them: products are cut over threads of our own, and its
// results differ between one thread and two. Without work they look around for it for 2²⁸ cycles, a tenth of a second, by giving up
// the core again and again (driver/others/blas_server.c), while every stage of a ring starts with computing.

#include "threads.h"

#ifdef __APPLE__

void nn_blas_use_one_thread(void) {}

#else

#include <cblas.h>
#include <stddef.h>

// Not in its header, and not in an OpenBLAS that was built without threads.
int blas_thread_shutdown_(void) __attribute__((weak));

void nn_blas_use_one_thread(void) {
    if (openblas_get_num_threads() != 1) openblas_set_num_threads(1);
}

/// As a shared library it is initialized before what is linked with it, so the threads are there.
__attribute__((constructor)) static void dismiss_threads(void) {
    // In this order: to set the number starts them again.
    nn_blas_use_one_thread();
    if (blas_thread_shutdown_ != NULL) blas_thread_shutdown_();
}

#endif
