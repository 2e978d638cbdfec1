// The row kernels for every processor that the compiler's default architecture covers.
#define FILBERT_INSTRUCTION_SET baseline
#include "row_kernel_table.hpp"

namespace filbert {

const RowKernels* find_baseline_kernels(Family family, Link link) { return kernels::baseline::find(family, link); }

}  // namespace filbert
