#pragma once
// The page of src/report/html, put together when this was built.
#include <string_view>

namespace fvhooks::internal {

std::string_view page_before_data() noexcept;
std::string_view page_after_data() noexcept;

}  // namespace fvhooks::internal
