#include "trace_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "fvhooks/dtype.h"

namespace fvtrace {
namespace {

using fvhooks::Int128;
using fvhooks::Record;
using fvhooks::Value;

bool is_error(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text && text->starts_with("<error: ");
}

bool is_number(const Value& value) {
  return std::holds_alternative<double>(value) || std::holds_alternative<Int128>(value);
}

bool is_negative(std::int64_t size) { return size < 0; }

// As a double: a product of sizes may be beyond 64 bits. Nullopt: not recorded, or not to be trusted.
std::optional<double> element_count(const Record& record) {
  const auto* value = record.find("shape");
  const auto* sizes = value ? std::get_if<std::vector<std::int64_t>>(value) : nullptr;
  if (!sizes || std::ranges::any_of(*sizes, is_negative)) return std::nullopt;
  return std::accumulate(sizes->begin(), sizes->end(), 1.0,
                         [](double count, std::int64_t size) { return count * static_cast<double>(size); });
}

void check_shape(const Value& value, const Complain& complain) {
  const auto* sizes = std::get_if<std::vector<std::int64_t>>(&value);
  if (!sizes) return complain("\"shape\" is not a list of integers");
  if (std::ranges::any_of(*sizes, is_negative)) complain("\"shape\" has a negative size");
}

void check_dtype(const Value& value, const Complain& complain) {
  const auto* name = std::get_if<std::string>(&value);
  if (!name || !name->starts_with("torch.")) complain("\"dtype\" is not the name of a torch dtype (torch.float32)");
}

void check_count(const std::string& name, const Value& value, const Complain& complain) {
  const auto* count = std::get_if<Int128>(&value);
  if (!count || *count < 0) complain(fmt::format("\"{}\" is not a count", name));
}

void check_statistic(const Record& record, const std::string& name, const Value& value, const Complain& complain) {
  constexpr std::array<std::string_view, 8> kNumbers = {"abs_mean", "sum", "min",     "max",
                                                        "mean",     "std", "abs_max", "rms"};
  constexpr std::array<std::string_view, 3> kExtremes = {"min", "max", "abs_max"};
  constexpr std::array<std::string_view, 4> kNeverNegative = {"abs_mean", "std", "abs_max", "rms"};
  const auto is_one_of = [&](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  if (is_error(value)) return;
  if (name == "shape") return check_shape(value, complain);
  if (name == "dtype") return check_dtype(value, complain);
  if (name == "zeros") return check_count(name, value, complain);
  if (!is_one_of(kNumbers)) return;  // a caller's own may be anything
  if (std::holds_alternative<std::nullptr_t>(value) && is_one_of(kExtremes)) {
    if (element_count(record).value_or(0) != 0) complain(fmt::format("\"{}\" is null, but there are elements", name));
  } else if (!is_number(value)) {
    complain(fmt::format("\"{}\" is not a number", name));
  } else if (is_one_of(kNeverNegative) && record.number(name) < 0) {
    complain(fmt::format("\"{}\" is negative", name));
  }
}

void check_agreement(const Record& record, const Complain& complain) {
  const auto least = record.number("min"), greatest = record.number("max");
  if (least && greatest && *least > *greatest) complain("\"min\" is greater than \"max\"");
  const auto count = element_count(record).value_or(std::numeric_limits<double>::infinity());
  const auto special = static_cast<double>(record.nan) + static_cast<double>(record.inf);
  if (special > count) complain("\"nan\" and \"inf\" count more elements than there are");
  if (record.number("zeros") > count) complain("\"zeros\" counts more elements than there are");
  const auto sum = record.number("sum");
  if (record.nan > 0 && sum && !std::isnan(*sum)) complain("\"nan\" counts elements, but \"sum\" is a number");
}

bool is_run(const std::string& run) {
  return run.size() == 8 && run.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// FastVideo's own records have none of the three, ours all of them.
void check_numbering(const Record& record, const Complain& complain) {
  if (!record.run.empty() && !is_run(record.run)) complain("\"run\" is not 8 hexadecimal digits");
  if (!record.run.empty() && !record.seq) complain("there is \"run\", but no \"seq\"");
  if (!record.run.empty() && !record.call) complain("there is \"run\", but no \"call\"");
  if (record.run.empty() && record.seq) complain("there is \"seq\", but no \"run\"");
  if (record.tensor.empty()) complain("\"tensor\" is empty");
}

// There is an error where, and only where, two tensors were compared.
void check_injection(const Record& record, const Complain& complain) {
  using fvhooks::Injected;
  const auto& [what, error] = record.injection;
  const bool is_compared = what == Injected::Compared || what == Injected::Replaced;
  if (is_compared && !error) complain("there is \"inject\", but no \"inject_error\"");
  if (!is_compared && error) complain("there is \"inject_error\", but nothing was compared");
  if (error && !(*error >= 0)) complain("\"inject_error\" is not a relative error");
}

std::string rank_text(const Record& record) { return record.rank ? fmt::format(" of rank {}", *record.rank) : ""; }

}  // namespace

void check_record(const Record& record, const Complain& complain) {
  check_numbering(record, complain);
  for (const auto& [name, value] : record.stats) check_statistic(record, name, value, complain);
  check_agreement(record, complain);
  check_injection(record, complain);
}

void RunCheck::add(const Record& record, const Complain& complain) {
  if (record.run.empty() || !record.seq || !record.call) return;
  const auto run = fmt::format("run {}{}", record.run, rank_text(record));
  if (!seq_of_run_[run].insert(*record.seq)) complain(fmt::format("seq {} of {} was there before", *record.seq, run));
  const auto step = record.step ? std::to_string(*record.step) : std::string("null");
  if (!places_.insert(
          fmt::format("{}\n{}\n{}\n{}\n{}\n{}", run, record.root, record.module, record.tensor, step, *record.call))) {
    complain(fmt::format("module \"{}\", tensor \"{}\", step {}, call {} of {} was there before", record.module,
                         record.tensor, step, *record.call, run));
  }
}

void RunCheck::finish(const Complain& complain) const {
  constexpr std::size_t kShown = 10;
  for (const auto& [run, seen] : seq_of_run_) {
    const auto gaps = seen.gaps();
    for (std::size_t i = 0; i < std::min(kShown, gaps.size()); ++i) {
      const auto [first, last] = gaps[i];
      complain(first == last ? fmt::format("seq {} of {} is missing", first, run)
                             : fmt::format("seq {} to {} of {} are missing", first, last, run));
    }
    if (gaps.size() > kShown) complain(fmt::format("{} more gaps in {}", gaps.size() - kShown, run));
  }
}

}  // namespace fvtrace
