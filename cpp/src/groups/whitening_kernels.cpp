// Chooses the loops over whitened blocks of an instruction set.
#include "filbert/groups/whitening_kernels.hpp"

namespace filbert {

const WhiteningKernels& baseline_whitening_kernels();
#if defined(FILBERT_HAS_AVX2_KERNELS)
const WhiteningKernels& avx2_whitening_kernels();
#endif

const WhiteningKernels& whitening_kernels(InstructionSet set) {
  require_available(set);
#if defined(FILBERT_HAS_AVX2_KERNELS)
  if (set == InstructionSet::Avx2) return avx2_whitening_kernels();
#endif
  return baseline_whitening_kernels();
}

}  // namespace filbert
