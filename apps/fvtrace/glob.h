#pragma once
// Patterns of a shell, for names.
#include <string_view>

namespace fvtrace {

// `*` is any text, dots too, `?` any one byte; all else stands for itself. The whole name must match.
bool glob_matches(std::string_view pattern, std::string_view name) noexcept;

}  // namespace fvtrace
