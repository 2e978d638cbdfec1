// Which of the copies of the kernels, each compiled for an instruction set, runs on this machine.
#pragma once

#include <string_view>

namespace filbert {

enum class InstructionSet { Baseline, Avx2 };

std::string_view name(InstructionSet set);

/// The widest that this processor has, one for all kernels of a process; FILBERT_INSTRUCTION_SET in the environment chooses `baseline`.
/// Throws std::invalid_argument for another value of it.
InstructionSet instruction_set();

/// Throws std::invalid_argument where the processor, or the build, lacks it.
void require_available(InstructionSet set);

}  // namespace filbert
