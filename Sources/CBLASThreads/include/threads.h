#ifndef NN_BLAS_THREADS_H
#define NN_BLAS_THREADS_H

/// Makes sure that OpenBLAS computes with the calling thread alone, should somebody have asked it for more since `main` began. To be
/// called before the first product.
void nn_blas_use_one_thread(void);

#endif
