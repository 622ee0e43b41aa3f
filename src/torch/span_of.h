#pragma once
#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <span>

namespace fvhooks::internal {

inline std::span<const std::int64_t> span_of(c10::IntArrayRef numbers) { return {numbers.data(), numbers.size()}; }

}  // namespace fvhooks::internal
