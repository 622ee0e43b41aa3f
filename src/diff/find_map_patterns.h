#pragma once
// From pairs of names to rules: which of a name's numbers (`blocks.3`) can be a wildcard.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fvhooks::internal {

// A name cut at the numbers that are components of it, or end one (`block_3`).
class NumberedName {
 public:
  explicit NumberedName(const std::string& name);

  using Wildcards = std::uint32_t;  // bit i: number i is one
  static constexpr std::size_t kMaxNumbers = 4;

  std::size_t numbers() const noexcept { return numbers_.size(); }
  const std::string& number(std::size_t i) const noexcept { return numbers_[i]; }
  std::string pattern(Wildcards wildcards) const;  // as it is written in a rule
  // The numbers here that are those of `other` in `wildcards`, in order; nothing: there are none such.
  std::optional<Wildcards> corresponding(const NumberedName& other, Wildcards wildcards) const;
  // All choices, the most wildcards first; the last has none.
  std::vector<Wildcards> choices() const;

 private:
  std::vector<std::string> literals_;  // one more than numbers
  std::vector<std::string> numbers_;
};

inline constexpr const char* kNoCounterpart = "-";

// What was found for names of one side, and which patterns that makes.
class PatternTable {
 public:
  struct Sides {
    std::string left, right;
    auto operator<=>(const Sides&) const = default;
  };

  // `tensor` and `other_tensor` are labels with a blank before them, or empty. `other` null: no counterpart.
  void add(const NumberedName& name, const std::string& tensor, const NumberedName* other,
           const std::string& other_tensor, double weight);

  // What patterns of others say about a name, the widest first; kNoCounterpart among them. `share`: how much of what
  // is known must agree.
  std::vector<std::string> predictions(const NumberedName& name, double share) const;

  // The widest pattern for what was added, that holds for everything else that was added.
  Sides rule(const NumberedName& name, const std::string& tensor, const NumberedName* other,
             const std::string& other_tensor) const;

 private:
  struct Support {
    double weight = 0;
    std::vector<std::string> first_numbers;  // of its wildcards
    std::uint32_t varying = 0;               // wildcards that stood for more than one number
  };
  static std::optional<std::string> right_side(const NumberedName& name, const NumberedName* other,
                                               const std::string& other_tensor, NumberedName::Wildcards wildcards);

  std::map<std::string, std::map<std::string, Support>> known_;  // left, right
};

}  // namespace fvhooks::internal
