#pragma once
// What is in a trace, in a few lines. Memory goes with modules, steps and runs, not with records.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "fvhooks/record.h"

namespace fvtrace {

// A record that stands out, and where it is.
struct Place {
  std::string root, module, tensor;
  std::optional<std::int64_t> step, rank;
  std::optional<std::uint64_t> call;
  std::uint64_t line = 0;
};

class TraceOverview {
 public:
  void add(const fvhooks::Record& record, std::uint64_t line);

  std::string text(const std::string& path, std::uint64_t problem_count) const;
  std::string json(const std::string& path, std::uint64_t problem_count) const;

 private:
  struct NonFinite {
    std::uint64_t records = 0, nan = 0, inf = 0;
    std::optional<Place> first;
  };
  struct Largest {
    double abs_max = 0;
    Place place;
  };

  std::uint64_t records_ = 0, inputs_ = 0, with_sketch_ = 0, outside_steps_ = 0, calls_ = 0;
  std::set<std::string> runs_, roots_, modules_;
  std::set<std::int64_t> steps_, ranks_;
  std::map<std::string, std::uint64_t> dtypes_, statistics_;  // name → records
  NonFinite non_finite_;
  std::optional<Largest> largest_;
};

}  // namespace fvtrace
