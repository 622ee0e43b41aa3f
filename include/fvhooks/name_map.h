#pragma once
// The names of a port's modules and tensors in its reference, by the rules of a file (docs/map.md defines the format):
//     blocks.*.self_attn.q = blocks.*.attn1.to_q
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"

namespace fvhooks {

// Which side of its `=` a file of rules gives to the port.
enum class MapDirection : std::uint8_t { PortToReference, ReferenceToPort };

struct TensorName {
  std::string module, tensor;
  bool operator==(const TensorName&) const = default;
};

// The first rule that matches counts, and only that one; what no rule matches keeps its name. One thread at a time: a
// map remembers which rules were used. Ask once for each distinct name, not for each record.
class NameMap {
 public:
  // Error: the file and line of a rule that cannot be read, and what to do.
  static Expected<NameMap> read(const std::string& path, MapDirection direction = MapDirection::PortToReference);
  static Expected<NameMap> parse(std::string_view text, const std::string& path,
                                 MapDirection direction = MapDirection::PortToReference);
  NameMap(NameMap&&) noexcept;
  NameMap& operator=(NameMap&&) noexcept;
  ~NameMap();

  // What the port's tensor is called in the reference; nullopt: a rule says that it has no counterpart.
  std::optional<TensorName> to_reference(std::string_view module, std::string_view tensor) const;
  // The same for a module alone: rules of single tensors are passed over, and without a counterpart it keeps its name.
  std::string to_reference(std::string_view module) const;
  std::string root_to_reference(std::string_view root) const;

  // A rule says that the port has nothing like this tensor of the reference.
  bool is_missing_in_port(std::string_view module, std::string_view tensor) const;

  // Rules that matched no name asked for so far, and those that cannot be used in this direction: "FILE:LINE: …".
  std::vector<std::string> warnings() const;

 private:
  struct Rules;
  explicit NameMap(std::unique_ptr<Rules> rules);
  std::unique_ptr<Rules> rules_;
};

}  // namespace fvhooks
