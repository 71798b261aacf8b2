// What Swift's overlays of the C libraries of Linux leave out.
#ifdef __linux__
#include <malloc.h>
#include <sys/uio.h>

// Declared in fcntl.h behind _GNU_SOURCE only, which cannot be defined for a module of the system's.
ssize_t vmsplice(int descriptor, const struct iovec *buffers, size_t count, unsigned int flags);
#endif
