#pragma once
// Text as JSON writes it; labels and records both need it.
#include <string>
#include <string_view>

namespace fvhooks {

// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// `text`, but for bytes that are not UTF-8: they are U+FFFD.
std::string as_utf8(std::string_view text);

}  // namespace fvhooks
