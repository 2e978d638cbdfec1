// The loops over whitened blocks for every processor that the compiler's default architecture covers.
#define FILBERT_INSTRUCTION_SET baseline
#include "whitening_loops.hpp"

namespace filbert {

const WhiteningKernels& baseline_whitening_kernels() { return kernels::baseline::whitening_kernels_here; }

}  // namespace filbert
