// The loops of a summary for x86-64 processors with AVX2 and FMA; compiled with these switched on, and called only where they exist.
#define FILBERT_INSTRUCTION_SET avx2
#include "triangle_loops.hpp"

namespace filbert {

const TriangleKernels& avx2_triangle_kernels() { return kernels::avx2::triangle_kernels_here; }

}  // namespace filbert
