#pragma once
#include <cstdint>
#include <string>

namespace fvhooks::internal {

// A random number a process, another one after a fork.
std::uint32_t run_number() noexcept;

// As records write it: 8 hexadecimal digits.
void write_run(std::string& out, std::uint32_t run);

}  // namespace fvhooks::internal
