// Asks the processor and the environment, once.
#include "filbert/numeric/instruction_set.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace filbert {
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

void require_available(InstructionSet set) {
  if (set == InstructionSet::Avx2 && !processor_has_avx2()) {
    throw std::invalid_argument("this processor, or this build, has no AVX2 kernels");
  }
}

}  // namespace filbert
