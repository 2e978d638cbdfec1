// The loops over whitened blocks for x86-64 processors with AVX2 and FMA; compiled with these switched on, and called only where they exist.
#define FILBERT_INSTRUCTION_SET avx2
#include "whitening_loops.hpp"

namespace filbert {

const WhiteningKernels& avx2_whitening_kernels() { return kernels::avx2::whitening_kernels_here; }

}  // namespace filbert
