// Chooses the dense kernels of an instruction set.
#include "filbert/numeric/dense_kernels.hpp"

namespace filbert {

const DenseKernels& baseline_dense_kernels();
#if defined(FILBERT_HAS_AVX2_KERNELS)
const DenseKernels& avx2_dense_kernels();
#endif

const DenseKernels& dense_kernels(InstructionSet set) {
  require_available(set);
#if defined(FILBERT_HAS_AVX2_KERNELS)
  if (set == InstructionSet::Avx2) return avx2_dense_kernels();
#endif
  return baseline_dense_kernels();
}

}  // namespace filbert
