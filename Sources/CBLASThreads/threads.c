// OpenBLAS starts a thread for every core when it is loaded. Nobody here wants them: products are cut over threads of our own, and its
// results differ between one thread and two. Without work they look around for it for 2²⁸ cycles, a tenth of a second, by giving up
// the core again and again (driver/others/blas_server.c), while every stage of a ring starts with computing.

#include <stdbool.h>
#include <stddef.h>

#include "threads.h"

#ifdef __APPLE__

bool nn_blas_has_one_thread(void) { return true; }

#else

#include <cblas.h>

// Not in its header, and not in one that was built without threads.
int blas_thread_shutdown_(void) __attribute__((weak));

/// Libraries are initialized before what is linked with them, so the threads are there.
__attribute__((constructor)) static void dismiss_threads(void) {
    // In this order: to set the number starts them again.
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_ != NULL) blas_thread_shutdown_();
}

bool nn_blas_has_one_thread(void) { return openblas_get_num_threads() == 1; }

#endif
