#include "trace/record_parser.h"

#include <simdjson.h>

#include <algorithm>
#include <limits>

#include "trace/json_number.h"
#include "trace/line_reader.h"
#include "trace/sketch_text.h"
#include "trace/special_number.h"

namespace fvhooks::internal {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(LineReader::kPadding >= simdjson::SIMDJSON_PADDING);

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxStats = 1000;  // a duplicate key is searched for among those before it

// Thrown and caught within this file: simdjson's own way of telling is one error code a step.
struct NoRecord {
  std::string why;
};

template <class T>
T checked(simdjson::simdjson_result<T> result) {
  T value;
  const auto error = std::move(result).get(value);
  if (error == simdjson::UTF8_ERROR) throw NoRecord{"not UTF-8"};
  if (error) throw NoRecord{"not JSON"};
  return value;
}

// The text of a scalar; of a container only its first character counts.
std::string_view token_of(ondemand::value& value) {
  auto token = std::string_view(value.raw_json_token());
  while (!token.empty() && std::string_view(" \t\r\n").find(token.back()) != std::string_view::npos)
    token.remove_suffix(1);
  if (token.empty()) throw NoRecord{"not JSON"};
  return token;
}

std::optional<JsonNumber> number_in(std::string_view token) {
  if (const auto special = special_number(token)) return *special;  // FastVideo's bare words
  return parse_json_number(token);
}

// simdjson reads only what it is asked for: what is kept as raw text is walked once, to be sure that it is JSON.
void check_nested(ondemand::value value, int depth) {
  const auto token = token_of(value);
  if (depth > kMaxDepth) throw NoRecord{"nested deeper than " + std::to_string(kMaxDepth)};
  switch (token[0]) {
    case '{':
      for (auto field : checked(value.get_object())) {
        auto member = checked(std::move(field));
        checked(member.unescaped_key());
        check_nested(member.value(), depth + 1);
      }
      break;
    case '[':
      for (auto element : checked(value.get_array())) check_nested(checked(std::move(element)), depth + 1);
      break;
    case '"':
      checked(value.get_string());
      break;
    default:
      if (token != "true" && token != "false" && token != "null" && !number_in(token)) throw NoRecord{"not JSON"};
  }
}

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_of("]}");
  return text.substr(0, last + 1);
}

// A string, list or text that `value` held before lends its memory.
template <class T>
T& alternative(Value& value) {
  if (auto* held = std::get_if<T>(&value)) return *held;
  return value.emplace<T>();
}

bool read_sizes(ondemand::array array, std::vector<std::int64_t>& sizes) {
  sizes.clear();
  for (auto element : array) {
    auto item = checked(std::move(element));
    const auto number = parse_json_number(token_of(item));
    const auto* integer = number ? std::get_if<Int128>(&*number) : nullptr;
    if (!integer || *integer < std::numeric_limits<std::int64_t>::min() ||
        *integer > std::numeric_limits<std::int64_t>::max()) {
      return false;
    }
    sizes.push_back(static_cast<std::int64_t>(*integer));
  }
  return true;
}

void read_array(ondemand::array array, Value& value) {
  const auto text = trimmed(checked(array.raw_json()));
  checked(array.reset());
  const bool flat = text.find_first_of("[{\"", 1) == std::string_view::npos;
  if (flat && read_sizes(array, alternative<std::vector<std::int64_t>>(value))) return;
  checked(array.reset());
  for (auto element : array) check_nested(checked(std::move(element)), 2);
  alternative<RawJson>(value).text = text;
}

void read_object(ondemand::object object, Value& value) {
  const auto text = trimmed(checked(object.raw_json()));
  checked(object.reset());
  for (auto field : object) {
    auto member = checked(std::move(field));
    checked(member.unescaped_key());
    check_nested(member.value(), 2);
  }
  alternative<RawJson>(value).text = text;
}

void read_value(ondemand::value json, Value& value) {
  const auto token = token_of(json);
  switch (token[0]) {
    case '[':
      return read_array(checked(json.get_array()), value);
    case '{':
      return read_object(checked(json.get_object()), value);
    case '"': {
      const auto text = checked(json.get_string());
      if (const auto special = special_number(text)) {
        value = *special;
      } else {
        alternative<std::string>(value) = text;
      }
      return;
    }
    default:
      break;
  }
  if (token == "null") {
    value = nullptr;
  } else if (token == "true" || token == "false") {
    alternative<RawJson>(value).text = token;
  } else if (const auto number = number_in(token)) {
    std::visit([&](auto exact) { value = exact; }, *number);
  } else {
    throw NoRecord{"not JSON"};
  }
}

std::string_view read_text(std::string_view key, ondemand::value json) {
  if (token_of(json)[0] != '"') throw NoRecord{"\"" + std::string(key) + "\" is not a string"};
  return checked(json.get_string());
}

template <class Integer>
Integer read_integer(std::string_view key, ondemand::value json) {
  const auto number = parse_json_number(token_of(json));
  const auto* integer = number ? std::get_if<Int128>(&*number) : nullptr;
  if (!integer || *integer < std::numeric_limits<Integer>::min() || *integer > std::numeric_limits<Integer>::max()) {
    throw NoRecord{"\"" + std::string(key) + "\" is not an integer" +
                   (std::is_unsigned_v<Integer> ? " from 0 to 2^64-1" : " of 64 bits")};
  }
  return static_cast<Integer>(*integer);
}

}  // namespace

struct RecordParser::State {
  ondemand::parser parser;
  std::size_t stats = 0;  // of the record at hand
  bool has_module = false, has_tensor = false;

  void read_field(std::string_view key, ondemand::value json, Record& record, std::string& problem);
  Value& stat(std::string_view name, Record& record);
};

// Where a key stands twice the last one counts, as in Python, in the place of the first.
Value& RecordParser::State::stat(std::string_view name, Record& record) {
  const auto end = record.stats.begin() + static_cast<std::ptrdiff_t>(stats);
  const auto found = std::find_if(record.stats.begin(), end, [&](const auto& entry) { return entry.first == name; });
  if (found != end) return found->second;
  if (stats == kMaxStats) throw NoRecord{"more than " + std::to_string(kMaxStats) + " statistics"};
  if (stats == record.stats.size()) record.stats.emplace_back();
  auto& entry = record.stats[stats++];
  entry.first = name;
  return entry.second;
}

void RecordParser::State::read_field(std::string_view key, ondemand::value json, Record& record, std::string& problem) {
  if (key == "module") {
    record.module = read_text(key, json);
    has_module = true;
  } else if (key == "tensor") {
    record.tensor = read_text(key, json);
    has_tensor = true;
  } else if (key == "step") {
    record.step.reset();
    if (token_of(json) != "null") record.step = read_integer<std::int64_t>(key, json);
  } else if (key == "call") {
    record.call = read_integer<std::uint64_t>(key, json);
  } else if (key == "seq") {
    record.seq = read_integer<std::uint64_t>(key, json);
  } else if (key == "run") {
    record.run = read_text(key, json);
  } else if (key == "root") {
    record.root = read_text(key, json);
  } else if (key == "rank") {
    record.rank = read_integer<std::int64_t>(key, json);
  } else if (key == "nan") {
    record.nan = read_integer<std::uint64_t>(key, json);
  } else if (key == "inf") {
    record.inf = read_integer<std::uint64_t>(key, json);
  } else if (key == "sketch") {
    if (!read_sketch(read_text(key, json), record.sketch)) problem = "the sketch is of no known version, or damaged";
  } else {
    read_value(json, stat(key, record));
  }
}

RecordParser::RecordParser() : state_(std::make_unique<State>()) {}
RecordParser::RecordParser(RecordParser&&) noexcept = default;
RecordParser& RecordParser::operator=(RecordParser&&) noexcept = default;
RecordParser::~RecordParser() = default;

bool RecordParser::parse(std::string_view line, Record& record, std::string& problem) {
  problem.clear();
  record.step.reset();
  record.call.reset();
  record.seq.reset();
  record.run.clear();
  record.root.clear();
  record.rank.reset();
  record.nan = record.inf = 0;
  record.sketch.buckets = 0;
  state_->stats = 0;
  state_->has_module = state_->has_tensor = false;
  try {
    ondemand::document document;
    const auto failed =
        state_->parser.iterate(line.data(), line.size(), line.size() + LineReader::kPadding).get(document);
    if (failed == simdjson::UTF8_ERROR) throw NoRecord{"not UTF-8"};
    if (failed) throw NoRecord{"not JSON"};
    ondemand::object object;
    if (document.get_object().get(object)) throw NoRecord{"not a JSON object"};
    for (auto field : object) {
      auto member = checked(std::move(field));
      const auto key = checked(member.unescaped_key());
      state_->read_field(key, member.value(), record, problem);
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) throw NoRecord{"more than one JSON object"};
    if (!state_->has_module) throw NoRecord{"no \"module\""};
    if (!state_->has_tensor) throw NoRecord{"no \"tensor\""};
  } catch (NoRecord& reason) {
    problem = std::move(reason.why);
    return false;
  }
  record.stats.resize(state_->stats);
  return true;
}

}  // namespace fvhooks::internal
