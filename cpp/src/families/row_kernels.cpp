// Chooses row kernels by family, link and instruction set.
#include "filbert/families/row_kernels.hpp"

#include <stdexcept>
#include <string>

namespace filbert {

const RowKernels* find_baseline_kernels(Family family, Link link);
#ifdef FILBERT_HAS_AVX2_KERNELS
const RowKernels* find_avx2_kernels(Family family, Link link);
#endif

const RowKernels& row_kernels(Family family, Link link, InstructionSet set) {
  const RowKernels* kernels = nullptr;
  if (set == InstructionSet::Baseline) {
    kernels = find_baseline_kernels(family, link);
  } else {
    require_available(set);
#ifdef FILBERT_HAS_AVX2_KERNELS
    kernels = find_avx2_kernels(family, link);
#endif
  }
  if (kernels == nullptr) {
    throw std::invalid_argument("family '" + std::string(facts(family).name) + "' has no link '" +
                                std::string(name(link)) + "'");
  }
  return *kernels;
}

}  // namespace filbert
