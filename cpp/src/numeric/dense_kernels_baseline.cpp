// The dense kernels for any processor.
#define FILBERT_EIGEN_OF_KERNELS EigenBaseline
#define FILBERT_EIGEN_OF_KERNELS_USER dense_baseline
#include "dense_loops.hpp"

namespace filbert {

const DenseKernels& baseline_dense_kernels() { return dense_baseline::dense_kernels_here; }

}  // namespace filbert
