#pragma once
// Where warnings go. The library never prints.
#include <functional>
#include <string_view>

namespace fvhooks {

using WarningHandler = std::function<void(std::string_view message)>;

// Replaces the process's handler and returns the one before; empty: warnings are discarded.
// Any thread. The handler may be called from any thread, one call at a time, and what it throws is swallowed.
WarningHandler set_warning_handler(WarningHandler handler);
bool has_warning_handler() noexcept;

// Hands one message to the handler. Never throws.
void warn(std::string_view message) noexcept;

}  // namespace fvhooks
