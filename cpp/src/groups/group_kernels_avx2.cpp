// The loops over blocks for x86-64 processors with AVX2 and FMA; compiled with these switched on, and called only where they exist.
#define FILBERT_INSTRUCTION_SET avx2
#include "group_loops.hpp"

namespace filbert {

const GroupKernels& avx2_group_kernels() { return kernels::avx2::group_kernels_here; }

}  // namespace filbert
