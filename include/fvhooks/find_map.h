#pragma once
// Finds out from two traces what the modules of a port are called in its reference: by the values that they compute,
// and where a port has gone wrong by shapes, names and what was found in other blocks. docs/map.md says how.
#include <functional>
#include <string>
#include <vector>

#include "fvhooks/expected.h"

namespace fvhooks {

// A line of a map (docs/map.md): what is written on its two sides.
struct FoundRule {
  std::string port, reference;  // "-": no counterpart
  double confidence = 0;        // from 0 to 1
  std::string evidence;         // a clause for a person
  std::size_t modules = 0;      // that it was found from
};

struct FoundMap {
  std::string reference, port;                                     // paths
  std::vector<FoundRule> rules;                                    // in the port's order of execution
  std::vector<std::string> unknown_in_port, unknown_in_reference;  // modules of which nothing could be told
  std::vector<std::string> notes;
};

struct FindMapOptions {
  std::function<void(double fraction)> progress;
};

// "-" is standard input, for one of the two. Errors: a file that cannot be opened or holds no record.
Expected<FoundMap> find_map(const std::string& reference, const std::string& port, const FindMapOptions& options = {});

// The file of rules, for a person to review and for NameMap::read.
std::string map_file(const FoundMap& map);

}  // namespace fvhooks
