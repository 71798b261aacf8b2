#ifndef NN_OUT_OF_MEMORY_H
#define NN_OUT_OF_MEMORY_H

#include <stddef.h>

// The end of a process that the system gives no more memory.
//
// On Linux with glibc every allocation of a program passes through here, whoever makes it: the
// program, Swift's runtime, a library. The first that fails ends the process.

/// Sets what the last message begins with, and what removes the temporary files.
///
/// - tool: the name of the program; it is kept. Before, it is what the system calls the program.
/// - clean: called once, in the thread whose allocation failed. It must not allocate, and may do
///   only what a signal handler may.
void nn_memory_prepare(const char *tool, void (*clean)(void));

/// Removes the temporary files, writes one line to standard error and exits with status 71.
///
/// - purpose: what the memory is for, such as "a tensor"; NULL if that is not known.
_Noreturn void nn_memory_exhausted(size_t bytes, const char *purpose);

/// As posix_memalign: memory that free takes back, or NULL if the system has none.
void *nn_memory_aligned(size_t alignment, size_t bytes);

/// As realloc: NULL if the system has no memory.
void *nn_memory_resized(void *memory, size_t bytes);

#endif
