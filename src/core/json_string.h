#pragma once
// Text as JSON writes it; labels and records both need it.
#include <string>
#include <string_view>

namespace fvhooks {

// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace fvhooks
