// The dense kernels for x86-64 processors with AVX2 and FMA; compiled with these switched on, and called only where they exist.
#define FILBERT_EIGEN_OF_KERNELS EigenAvx2
#define FILBERT_EIGEN_OF_KERNELS_USER dense_avx2
#include "dense_loops.hpp"

namespace filbert {

const DenseKernels& avx2_dense_kernels() { return dense_avx2::dense_kernels_here; }

}  // namespace filbert
