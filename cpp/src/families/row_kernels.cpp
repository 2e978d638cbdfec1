// Chooses row kernels by family, link and processor.
#include "filbert/families/row_kernels.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace filbert {

const RowKernels* find_baseline_kernels(Family family, Link link);
#ifdef FILBERT_HAS_AVX2_KERNELS
const RowKernels* find_avx2_kernels(Family family, Link link);
#endif

namespace {

bool processor_has_avx2() {
#if defined(FILBERT_HAS_AVX2_KERNELS) && defined(__GNUC__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

InstructionSet choose() {
  const char* const wish = std::getenv("FILBERT_INSTRUCTION_SET");
  if (wish != nullptr && *wish != '\0') {
    if (std::string_view(wish) == "baseline") return InstructionSet::Baseline;
    if (std::string_view(wish) != "avx2") {
      throw std::invalid_argument("FILBERT_INSTRUCTION_SET is '" + std::string(wish) +
                                  "'; it must be 'baseline' or 'avx2'.");
    }
  }
  return processor_has_avx2() ? InstructionSet::Avx2 : InstructionSet::Baseline;
}

}  // namespace

std::string_view name(InstructionSet set) { return set == InstructionSet::Avx2 ? "avx2" : "baseline"; }

InstructionSet instruction_set() {
  static const InstructionSet chosen = choose();
  return chosen;
}

const RowKernels& row_kernels(Family family, Link link, InstructionSet set) {
  const RowKernels* kernels = nullptr;
  if (set == InstructionSet::Baseline) {
    kernels = find_baseline_kernels(family, link);
  } else {
    if (!processor_has_avx2()) throw std::invalid_argument("this processor, or this build, has no AVX2 kernels");
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
