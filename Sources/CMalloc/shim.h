// What the Swift overlay of glibc leaves out.
#ifdef __linux__
#include <malloc.h>
#endif
