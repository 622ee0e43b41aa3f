#include "diff/diagnosis.h"

#include <algorithm>
#include <cmath>

#include "diff/call_stack.h"
#include "diff/diagnosis_values.h"
#include "diff/error.h"
#include "diff/threshold.h"

namespace fvhooks::internal {
namespace {

// A row that is wrong, both its records, and their neighbours in the reference.
class Case {
 public:
  Case(const Pairs& pairs, std::size_t index) : pairs_(pairs), index_(index), row_(pairs.row(index)) {
    pairs.read_reference(index, reference_);
    pairs.read_port(index, port_);
    key_ = pairs.key(index);
    slack_ = slack();
  }

  std::vector<Finding> findings() const {
    std::vector<Finding> findings;
    const auto add = [&](const char* kind, const std::optional<std::string>& evidence) {
      if (!evidence) return;
      findings.push_back({kind, key_.root, key_.module, named(key_) + ": " + *evidence});
    };
    add("non-finite", non_finite_evidence(reference_, port_));
    add("transposed", transposed_evidence(reference_, port_, slack_));
    if (row_.status != Status::Diverged && row_.status != Status::Within) return findings;
    add("narrower", narrower());
    add("off-by-one", off_by_one());
    add("swapped", swapped());
    add("scaled", scaled());
    add("permuted", permuted_evidence(reference_, port_, slack_));
    add("shifted", shifted_evidence(reference_, port_, slack_));
    return findings;
  }

 private:
  static std::string named(const RecordKey& key) { return key.tensor + " of " + module_in_words(key.module); }

  // What rounding may leave between two records of the same values here: no less than the errors that came before.
  double slack() const {
    double epsilon_here = epsilon(DType::Float32);
    for (const auto& record : {reference_, port_}) {
      if (const auto dtype = recorded_dtype(record)) epsilon_here = std::max(epsilon_here, epsilon(*dtype));
    }
    const double own = kMostGainByRounding * own_rounding(epsilon_here);
    return row_.threshold > own && !row_.is_settled ? double{row_.threshold} : own;
  }

  // The same up to rounding, and far nearer than what should be there.
  bool is_match(const Record& reference, const Record& port) const {
    const auto apart = distance(reference, port);
    return apart && *apart <= slack_ && *apart <= row_.error / 10;
  }

  // This tensor, or another one of the same call: a cosine's extreme is 1 in any dtype.
  std::optional<std::string> narrower() const {
    if (const auto evidence = narrower_evidence(reference_, port_, row_)) return evidence;
    Record reference, port;
    for (std::size_t i = index_ + 1; i < pairs_.size(); ++i) {
      const auto other = pairs_.key(i);
      const auto& row = pairs_.row(i);
      if (!is_same_call(other, key_) || row.is_input != row_.is_input || !row.is_pair()) break;
      pairs_.read_reference(i, reference);
      pairs_.read_port(i, port);
      if (const auto evidence = narrower_evidence(reference, port, row)) return other.tensor + ": " + *evidence;
    }
    return std::nullopt;
  }

  // The step or the call beside this one.
  std::optional<std::string> off_by_one() const {
    const auto is_beside = [&](const RecordKey& other) {
      if (other.tensor != key_.tensor || other.module != key_.module || other.root != key_.root) return false;
      if (other.rank != key_.rank) return false;
      const auto is_next = [](auto a, auto b) { return a + 1 == b || b + 1 == a; };
      if (other.step == key_.step) return is_next(other.call, key_.call);
      return other.call == key_.call && other.step && key_.step && is_next(*other.step, *key_.step);
    };
    Record beside;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (&pairs_.name(i) != &pairs_.name(index_)) continue;
      const auto other = pairs_.key(i);
      if (!is_beside(other) || !pairs_.read_reference(i, beside) || !is_other_value(beside)) continue;
      if (!is_match(beside, port_)) continue;
      const bool is_step = other.step != key_.step;
      return "the port's values are those that the reference has in " +
             (is_step ? "step " + std::to_string(*other.step) : "call " + std::to_string(other.call)) + ", " +
             short_number(*distance(beside, port_)) + " apart";
    }
    return std::nullopt;
  }

  bool is_other_value(const Record& beside) const {
    const auto apart = distance(reference_, beside);
    return apart && *apart > slack_;
  }

  // Another module of the same step that has this one's values in the port, as this one has its.
  std::optional<std::string> swapped() const {
    constexpr std::size_t kMostRead = 10'000;
    std::size_t read = 0;
    Record other_reference, other_port;
    for (std::size_t i = 0; i < pairs_.size() && read < kMostRead; ++i) {
      const auto& row = pairs_.row(i);
      if (row.status != Status::Diverged || row.is_input != row_.is_input) continue;
      const auto other = pairs_.key(i);
      const bool is_of_this_step = other.step == key_.step && other.call == key_.call && other.rank == key_.rank;
      if (!is_of_this_step || other.module == key_.module || other.tensor != key_.tensor) continue;
      ++read;
      pairs_.read_reference(i, other_reference);
      if (!is_match(other_reference, port_) || !is_other_value(other_reference)) continue;
      pairs_.read_port(i, other_port);
      if (!is_match(reference_, other_port)) continue;
      return "its values in the port are the reference's " + named(other) + ", and the other way about";
    }
    return std::nullopt;
  }

  std::optional<std::string> scaled() const {
    const auto* shape = recorded_shape(reference_);
    const auto* port_shape = recorded_shape(port_);
    if (shape && port_shape && *shape != *port_shape) return std::nullopt;
    const auto found = scaling(reference_, port_);
    if (!found || !is_constant_factor(*found, slack_)) return std::nullopt;
    if (found->is_of_few_values && !has_the_same_factor_elsewhere(*found)) return std::nullopt;
    return scaling_evidence(*found, reference_);
  }

  bool has_the_same_factor_elsewhere(const Scaling& here) const {
    Record other_reference, other_port;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (&pairs_.name(i) != &pairs_.name(index_) || !pairs_.row(i).is_pair()) continue;
      pairs_.read_reference(i, other_reference);
      if (!is_other_value(other_reference)) continue;
      pairs_.read_port(i, other_port);
      const auto there = scaling(other_reference, other_port);
      return there && std::fabs(there->factor / here.factor - 1) <= slack_;
    }
    return false;
  }

  const Pairs& pairs_;
  std::size_t index_;
  const Row& row_;
  RecordKey key_;
  Record reference_, port_;
  double slack_ = 0;
};

}  // namespace

std::vector<Finding> diagnose(const Pairs& pairs, std::size_t evidence) {
  return pairs.row(evidence).is_pair() ? Case(pairs, evidence).findings() : std::vector<Finding>();
}

}  // namespace fvhooks::internal
