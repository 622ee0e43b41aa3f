#include "trace/record_parser.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "trace/json_number.h"
#include "trace/line_reader.h"
#include "trace/plain_line.h"
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

// A value of a line that simdjson takes apart.
using Nested = ondemand::value;
// A value of a plain line, as it stands.
struct Plain {
  std::string_view token;
};

// The text of a scalar; of a container only its first character counts.
std::string_view token_of(Nested& value) {
  auto token = std::string_view(value.raw_json_token());
  while (!token.empty() && std::string_view(" \t\r\n").find(token.back()) != std::string_view::npos)
    token.remove_suffix(1);
  if (token.empty()) throw NoRecord{"not JSON"};
  return token;
}
std::string_view token_of(const Plain& value) { return value.token; }

std::string_view string_in(Nested& value) { return checked(value.get_string()); }
std::string_view string_in(const Plain& value) { return value.token.substr(1, value.token.size() - 2); }

std::optional<JsonNumber> number_in(std::string_view token) {
  if (const auto special = special_number(token)) return *special;  // FastVideo's bare words
  return parse_json_number(token);
}
std::optional<JsonNumber> number_in(Nested& /*value*/, std::string_view token) { return number_in(token); }

// The grammar of a plain line has been checked. Nearly all are floats, neither huge nor tiny.
std::optional<JsonNumber> number_in(const Plain& /*value*/, std::string_view token) {
  double value = 0;
  const bool is_float = token.find('.') != std::string_view::npos;
  const auto* const end = token.data() + token.size();
  if (is_float && std::from_chars(token.data(), end, value).ec == std::errc{}) return value;
  return number_in(token);
}

// simdjson reads only what it is asked for: what is kept as raw text is walked once, to be sure that it is JSON.
void check_nested(Nested value, int depth) {
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

bool read_size(std::string_view token, std::vector<std::int64_t>& sizes) {
  constexpr std::size_t kSurelyFits = 18;
  const bool is_simple = token.size() <= kSurelyFits && token[0] != '0' &&
                         std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_simple) {
    std::int64_t size = 0;
    for (const char c : token) size = 10 * size + (c - '0');
    sizes.push_back(size);
    return true;
  }
  const auto number = parse_json_number(token);
  const auto* integer = number ? std::get_if<Int128>(&*number) : nullptr;
  const bool is_size = integer && *integer >= std::numeric_limits<std::int64_t>::min() &&
                       *integer <= std::numeric_limits<std::int64_t>::max();
  if (is_size) sizes.push_back(static_cast<std::int64_t>(*integer));
  return is_size;
}

bool read_sizes(ondemand::array array, std::vector<std::int64_t>& sizes) {
  sizes.clear();
  for (auto element : array) {
    auto item = checked(std::move(element));
    if (!read_size(token_of(item), sizes)) return false;
  }
  return true;
}

bool read_sizes(std::string_view list, std::vector<std::int64_t>& sizes) {
  sizes.clear();
  list = list.substr(1, list.size() - 2);
  while (true) {
    list.remove_prefix(std::min(list.find_first_not_of(" ,"), list.size()));
    if (list.empty()) return true;
    const auto item = list.substr(0, list.find_first_of(" ,"));
    if (!read_size(item, sizes)) return false;
    list.remove_prefix(item.size());
  }
}

void read_array(Nested& json, Value& value) {
  auto array = checked(json.get_array());
  const auto text = trimmed(checked(array.raw_json()));
  checked(array.reset());
  const bool flat = text.find_first_of("[{\"", 1) == std::string_view::npos;
  if (flat && read_sizes(array, alternative<std::vector<std::int64_t>>(value))) return;
  checked(array.reset());
  for (auto element : array) check_nested(checked(std::move(element)), 2);
  alternative<RawJson>(value).text = text;
}

void read_array(const Plain& json, Value& value) {
  if (!read_sizes(json.token, alternative<std::vector<std::int64_t>>(value))) {
    alternative<RawJson>(value).text = json.token;
  }
}

void read_object(Nested& json, Value& value) {
  auto object = checked(json.get_object());
  const auto text = trimmed(checked(object.raw_json()));
  checked(object.reset());
  for (auto field : object) {
    auto member = checked(std::move(field));
    checked(member.unescaped_key());
    check_nested(member.value(), 2);
  }
  alternative<RawJson>(value).text = text;
}

void read_object(const Plain&, Value&) { throw NoRecord{"not JSON"}; }  // a plain line holds none

template <class Json>
void read_value(Json json, Value& value) {
  const auto token = token_of(json);
  switch (token[0]) {
    case '[':
      return read_array(json, value);
    case '{':
      return read_object(json, value);
    case '"': {
      const auto text = string_in(json);
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
  } else if (const auto number = number_in(json, token)) {
    std::visit([&](auto exact) { value = exact; }, *number);
  } else {
    throw NoRecord{"not JSON"};
  }
}

template <class Json>
std::string_view read_text(std::string_view key, Json json) {
  if (token_of(json)[0] != '"') throw NoRecord{"\"" + std::string(key) + "\" is not a string"};
  return string_in(json);
}

template <class Integer, class Json>
Integer read_integer(std::string_view key, Json json) {
  const auto token = token_of(json);
  Integer value{};
  // JSON's grammar is stricter than from_chars': it takes no zeros in front.
  const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), value);
  const auto digits = token.substr(token[0] == '-' ? 1 : 0);
  const bool has_zeros_in_front = digits.size() > 1 && digits[0] == '0';
  const bool is_minus_zero = std::is_unsigned_v<Integer> && token == "-0";
  if (is_minus_zero) return 0;
  if (failed != std::errc{} || end != token.data() + token.size() || has_zeros_in_front) {
    throw NoRecord{"\"" + std::string(key) + "\" is not an integer" +
                   (std::is_unsigned_v<Integer> ? " from 0 to 2^64-1" : " of 64 bits")};
  }
  return value;
}

enum class HeadKey : std::uint8_t { None, Module, Tensor, Step, Call, Seq, Run, Root, Rank };

// By length first: this is asked of every member of every line.
HeadKey head_key(std::string_view key) {
  switch (key.size()) {
    case 3:
      return key == "seq" ? HeadKey::Seq : key == "run" ? HeadKey::Run : HeadKey::None;
    case 4:
      if (key == "step") return HeadKey::Step;
      if (key == "call") return HeadKey::Call;
      return key == "root" ? HeadKey::Root : key == "rank" ? HeadKey::Rank : HeadKey::None;
    case 6:
      return key == "module" ? HeadKey::Module : key == "tensor" ? HeadKey::Tensor : HeadKey::None;
    default:
      return HeadKey::None;
  }
}

// The keys that a Record and a RecordHead have in common; false for another.
template <class Json, class Parsed>
bool read_head_field(std::string_view key, Json json, Parsed& record) {
  switch (head_key(key)) {
    case HeadKey::None:
      return false;
    case HeadKey::Module:
      record.module = read_text(key, json);
      break;
    case HeadKey::Tensor:
      record.tensor = read_text(key, json);
      break;
    case HeadKey::Step:
      record.step.reset();
      if (token_of(json) != "null") record.step = read_integer<std::int64_t>(key, json);
      break;
    case HeadKey::Call:
      record.call = read_integer<std::uint64_t>(key, json);
      break;
    case HeadKey::Seq:
      record.seq = read_integer<std::uint64_t>(key, json);
      break;
    case HeadKey::Run:
      record.run = read_text(key, json);
      break;
    case HeadKey::Root:
      record.root = read_text(key, json);
      break;
    case HeadKey::Rank:
      record.rank = read_integer<std::int64_t>(key, json);
      break;
  }
  return true;
}

// A number, or the name of one that is not finite.
template <class Json>
double read_float(std::string_view key, Json json) {
  Value value;
  read_value(json, value);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<Int128>(&value)) return static_cast<double>(*integer);
  throw NoRecord{"\"" + std::string(key) + "\" is not a number"};
}

constexpr std::string_view kBadInject = "\"inject\" is none of compared, replaced, absent, shape, failed";
constexpr std::string_view kBadSketch = "the sketch is of no known version, or damaged";

// Reads the members of one line into one record.
class RecordBuilder {
 public:
  RecordBuilder(Record& record, std::string& problem) : record_(record), problem_(problem) {
    record.step.reset();
    record.call.reset();
    record.seq.reset();
    record.run.clear();
    record.root.clear();
    record.rank.reset();
    record.nan = record.inf = 0;
    record.sketch.buckets = 0;
    record.injection = {};
  }

  template <class Json>
  void read(std::string_view key, Json json) {
    if (read_head_field(key, json, record_)) return;
    if (key == "nan") {
      record_.nan = read_integer<std::uint64_t>(key, json);
    } else if (key == "inf") {
      record_.inf = read_integer<std::uint64_t>(key, json);
    } else if (key == "sketch") {
      if (!read_sketch(read_text(key, json), record_.sketch)) problem_ = kBadSketch;
    } else if (key == "inject") {
      const auto injected = injected_named(read_text(key, json));
      if (!injected) problem_ = kBadInject;
      record_.injection.what = injected.value_or(Injected::No);
    } else if (key == "inject_error") {
      record_.injection.error = read_float(key, json);
    } else {
      read_value(json, stat(key));
    }
  }
  void finish() { record_.stats.resize(stats_); }

 private:
  // Where a key stands twice the last one counts, as in Python, in the place of the first.
  Value& stat(std::string_view name) {
    const auto end = record_.stats.begin() + static_cast<std::ptrdiff_t>(stats_);
    const auto found = std::find_if(record_.stats.begin(), end, [&](const auto& entry) { return entry.first == name; });
    if (found != end) return found->second;
    if (stats_ == kMaxStats) throw NoRecord{"more than " + std::to_string(kMaxStats) + " statistics"};
    if (stats_ == record_.stats.size()) record_.stats.emplace_back();
    auto& entry = record_.stats[stats_++];
    entry.first = name;
    return entry.second;
  }

  Record& record_;
  std::string& problem_;
  std::size_t stats_ = 0;
};

// Reads the members of a plain line into a head, and judges the others as RecordBuilder does.
class HeadBuilder {
 public:
  HeadBuilder(RecordHead& head, std::string& problem) : head_(head), problem_(problem) { head = {}; }

  void read(std::string_view key, Plain json) {
    if (read_head_field(key, json, head_)) return;
    if (key == "sketch") {
      if (!is_sketch(read_text(key, json))) problem_ = kBadSketch;
    } else if (key == "nan" || key == "inf") {
      (void)read_integer<std::uint64_t>(key, json);
    } else if (key == "inject") {
      if (!injected_named(read_text(key, json))) problem_ = kBadInject;
    } else if (key == "inject_error") {
      (void)read_float(key, json);
    }
  }
  void finish() {}

 private:
  RecordHead& head_;
  std::string& problem_;
};

// What a record cannot do without.
class Needed {
 public:
  void see(std::string_view key) {
    if (key.size() != std::string_view("module").size()) return;
    has_module_ |= key == "module";
    has_tensor_ |= key == "tensor";
  }
  void check() const {
    if (!has_module_) throw NoRecord{"no \"module\""};
    if (!has_tensor_) throw NoRecord{"no \"tensor\""};
  }

 private:
  bool has_module_ = false, has_tensor_ = false;
};

template <class Builder>
void read_plain(const std::vector<PlainMember>& members, Builder builder) {
  Needed needed;
  for (const auto& member : members) {
    needed.see(member.key);
    builder.read(member.key, Plain{member.value});
  }
  needed.check();
  builder.finish();
}

void read_nested(ondemand::parser& parser, std::string_view line, RecordBuilder builder) {
  ondemand::document document;
  const auto failed = parser.iterate(line.data(), line.size(), line.size() + LineReader::kPadding).get(document);
  if (failed == simdjson::UTF8_ERROR) throw NoRecord{"not UTF-8"};
  if (failed) throw NoRecord{"not JSON"};
  ondemand::object object;
  if (document.get_object().get(object)) throw NoRecord{"not a JSON object"};
  Needed needed;
  for (auto field : object) {
    auto member = checked(std::move(field));
    const auto key = checked(member.unescaped_key());
    needed.see(key);
    builder.read(key, member.value());
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) throw NoRecord{"more than one JSON object"};
  needed.check();
  builder.finish();
}

}  // namespace

RecordHead head_of(const Record& record) {
  return {record.root, record.module, record.tensor, record.run, record.step, record.rank, record.call, record.seq};
}

struct RecordParser::State {
  ondemand::parser parser;
  PlainLineSplitter splitter;
  std::vector<PlainMember> members;
  Record record;  // of a head whose line is not plain
};

RecordParser::RecordParser() : state_(std::make_unique<State>()) {}
RecordParser::RecordParser(RecordParser&&) noexcept = default;
RecordParser& RecordParser::operator=(RecordParser&&) noexcept = default;
RecordParser::~RecordParser() = default;

bool RecordParser::parse(std::string_view line, Record& record, std::string& problem) {
  problem.clear();
  try {
    if (state_->splitter.split(line, state_->members)) {
      read_plain(state_->members, RecordBuilder(record, problem));
    } else {
      read_nested(state_->parser, line, RecordBuilder(record, problem));
    }
  } catch (NoRecord& reason) {
    problem = std::move(reason.why);
    return false;
  }
  return true;
}

bool RecordParser::parse(std::string_view line, RecordHead& head, std::string& problem) {
  problem.clear();
  if (!state_->splitter.split(line, state_->members)) {
    const bool is_record = parse(line, state_->record, problem);
    head = head_of(state_->record);
    return is_record;
  }
  try {
    read_plain(state_->members, HeadBuilder(head, problem));
  } catch (NoRecord& reason) {
    problem = std::move(reason.why);
    return false;
  }
  return true;
}

}  // namespace fvhooks::internal
