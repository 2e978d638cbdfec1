// The row kernels for x86-64 processors with AVX2 and FMA; compiled with these switched on, and called only where they exist.
#define FILBERT_INSTRUCTION_SET avx2
#include "row_kernel_table.hpp"

namespace filbert {

const RowKernels* find_avx2_kernels(Family family, Link link) { return kernels::avx2::find(family, link); }

}  // namespace filbert
