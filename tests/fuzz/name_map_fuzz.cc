// Any bytes: rules are refused with file and line, or they map any name without a crash; and a name that is written as
// a rule is read as it stands.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fvhooks/name_map.h"
#include "names/rule_line.h"

namespace {

void map_some_names(const std::string& text, fvhooks::MapDirection direction) {
  const auto map = fvhooks::NameMap::parse(text, "map.txt", direction);
  if (!map) {
    if (!map.error().message.starts_with("map.txt:")) std::abort();
    return;
  }
  for (const std::string name : {"", "blocks.0.attn1.to_q", "a", text.c_str()}) {
    (void)map->to_reference(name, "out[0]");
    (void)map->to_reference(name);
    (void)map->root_to_reference(name);
    (void)map->is_missing_in_port(name, "in[0]");
  }
  (void)map->warnings();
}

void expect_a_name_to_be_itself(const std::string& name) {
  const auto map = fvhooks::NameMap::parse(fvhooks::internal::written_name(name) + " = other", "map.txt");
  if (!map || map->to_reference(name) != "other") std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  map_some_names(text, fvhooks::MapDirection::PortToReference);
  map_some_names(text, fvhooks::MapDirection::ReferenceToPort);
  expect_a_name_to_be_itself(text);
  return 0;
}
