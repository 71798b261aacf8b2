#ifndef NN_SHUFFLES_H
#define NN_SHUFFLES_H

/// Sums over all numbers of some registers, by additions of whole ones; and the numbers of a register in double precision.
///
/// In C, for Swift has no word for a shuffle of two registers, and what its compiler makes of one that is written number by
/// number is torn into quarters where an addition follows; its conversion is a generic function, which modules for other processors
/// would share. Only for `KernelsAVX2` and `KernelsAVX512`, into which they are inlined: other modules are compiled for processors without
/// such registers.

typedef float nn_lane4 __attribute__((ext_vector_type(4)));
typedef double nn_double4 __attribute__((ext_vector_type(4)));
typedef double nn_double8 __attribute__((ext_vector_type(8)));
typedef float nn_lane8 __attribute__((ext_vector_type(8)));
typedef float nn_lane16 __attribute__((ext_vector_type(16)));

#define NN_SHUFFLE static inline __attribute__((always_inline, const))

/// In every quarter of the result, or half of it with 8 numbers: what that of each of x, y, z and w adds up to.
NN_SHUFFLE nn_lane8 nn_sums_of_parts8(nn_lane8 x, nn_lane8 y, nn_lane8 z, nn_lane8 w) {
#define NN_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define NN_HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
    nn_lane8 xy = NN_LOW(x, y) + NN_HIGH(x, y);
    nn_lane8 zw = NN_LOW(z, w) + NN_HIGH(z, w);
#undef NN_LOW
#undef NN_HIGH
    return __builtin_shufflevector(xy, zw, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(xy, zw, 2, 3, 10, 11, 6, 7, 14, 15);
}

/// As `nn_sums_of_parts8` of registers of four numbers: the sum of all of each.
NN_SHUFFLE nn_lane4 nn_sums_of_parts4(nn_lane4 x, nn_lane4 y, nn_lane4 z, nn_lane4 w) {
    nn_lane4 xy = __builtin_shufflevector(x, y, 0, 4, 1, 5) + __builtin_shufflevector(x, y, 2, 6, 3, 7);
    nn_lane4 zw = __builtin_shufflevector(z, w, 0, 4, 1, 5) + __builtin_shufflevector(z, w, 2, 6, 3, 7);
    return __builtin_shufflevector(xy, zw, 0, 1, 4, 5) + __builtin_shufflevector(xy, zw, 2, 3, 6, 7);
}

NN_SHUFFLE nn_lane16 nn_sums_of_parts16(nn_lane16 x, nn_lane16 y, nn_lane16 z, nn_lane16 w) {
#define NN_LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define NN_HIGH(a, b) \
    __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
    nn_lane16 xy = NN_LOW(x, y) + NN_HIGH(x, y);
    nn_lane16 zw = NN_LOW(z, w) + NN_HIGH(z, w);
#undef NN_LOW
#undef NN_HIGH
    return __builtin_shufflevector(
               xy, zw, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(
               xy, zw, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}

/// As `nn_sums_of_parts8` in double precision: the sums of all four numbers, and of each half's.
NN_SHUFFLE nn_double4 nn_double_sums_of_parts4(
    nn_double4 x, nn_double4 y, nn_double4 z, nn_double4 w) {
    nn_double4 xy = __builtin_shufflevector(x, y, 0, 4, 2, 6) + __builtin_shufflevector(x, y, 1, 5, 3, 7);
    nn_double4 zw = __builtin_shufflevector(z, w, 0, 4, 2, 6) + __builtin_shufflevector(z, w, 1, 5, 3, 7);
    return __builtin_shufflevector(xy, zw, 0, 1, 4, 5) + __builtin_shufflevector(xy, zw, 2, 3, 6, 7);
}

NN_SHUFFLE nn_double8 nn_double_sums_of_parts8(
    nn_double8 x, nn_double8 y, nn_double8 z, nn_double8 w) {
    nn_double8 xy = __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14) +
                    __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15);
    nn_double8 zw = __builtin_shufflevector(z, w, 0, 8, 2, 10, 4, 12, 6, 14) +
                    __builtin_shufflevector(z, w, 1, 9, 3, 11, 5, 13, 7, 15);
    return __builtin_shufflevector(xy, zw, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(xy, zw, 2, 3, 10, 11, 6, 7, 14, 15);
}

/// The sums of x's halves, then those of y's.
NN_SHUFFLE nn_lane8 nn_sums_of_halves8(nn_lane8 x, nn_lane8 y) {
    return __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
}

/// The sums of x's quarters, then those of y's, z's and w's.
NN_SHUFFLE nn_lane16 nn_sums_of_quarters16(
    nn_lane16 x, nn_lane16 y, nn_lane16 z, nn_lane16 w) {
#define NN_HALVES(a, b)                                                                       \
    (__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +  \
     __builtin_shufflevector(                                                                 \
         a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    nn_lane16 xy = NN_HALVES(x, y);
    nn_lane16 zw = NN_HALVES(z, w);
#undef NN_HALVES
    return __builtin_shufflevector(
               xy, zw, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           __builtin_shufflevector(
               xy, zw, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/// The same numbers in double precision.
NN_SHUFFLE nn_double4 nn_doubles4(nn_lane4 x) { return __builtin_convertvector(x, nn_double4); }

NN_SHUFFLE nn_double8 nn_doubles8(nn_lane8 x) { return __builtin_convertvector(x, nn_double8); }

#undef NN_SHUFFLE

#endif
