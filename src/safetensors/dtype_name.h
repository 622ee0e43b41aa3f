#pragma once
// The format's names of dtypes.
#include <optional>
#include <string_view>

#include "fvhooks/dtype.h"

namespace fvhooks::internal {

// "F32"; empty for the two that the format lacks, complex32 and complex128.
std::string_view safetensors_name(DType dtype) noexcept;
std::optional<DType> dtype_from_safetensors_name(std::string_view name) noexcept;

// The place of a dtype's tensors in a file, from 0: as the reference implementation, so that both write the same bytes.
// Falls with the item size, which keeps every tensor aligned to it.
int order_in_file(DType dtype) noexcept;

}  // namespace fvhooks::internal
