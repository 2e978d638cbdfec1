// The loops of a summary for every processor that the compiler's default architecture covers.
#define FILBERT_INSTRUCTION_SET baseline
#include "triangle_loops.hpp"

namespace filbert {

const TriangleKernels& baseline_triangle_kernels() { return kernels::baseline::triangle_kernels_here; }

}  // namespace filbert
