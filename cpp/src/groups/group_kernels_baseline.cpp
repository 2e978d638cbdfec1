// The loops over blocks for every processor that the compiler's default architecture covers.
#define FILBERT_INSTRUCTION_SET baseline
#include "group_loops.hpp"

namespace filbert {

const GroupKernels& baseline_group_kernels() { return kernels::baseline::group_kernels_here; }

}  // namespace filbert
