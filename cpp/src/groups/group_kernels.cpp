// Chooses the loops over blocks of an instruction set.
#include "filbert/groups/group_kernels.hpp"

namespace filbert {

const GroupKernels& baseline_group_kernels();
#if defined(FILBERT_HAS_AVX2_KERNELS)
const GroupKernels& avx2_group_kernels();
#endif

const GroupKernels& group_kernels(InstructionSet set) {
  require_available(set);
#if defined(FILBERT_HAS_AVX2_KERNELS)
  if (set == InstructionSet::Avx2) return avx2_group_kernels();
#endif
  return baseline_group_kernels();
}

}  // namespace filbert
