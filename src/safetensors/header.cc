#include "safetensors/header.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "safetensors/dtype_name.h"
#include "safetensors/quoted.h"

namespace fvhooks::internal {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

Error about(std::string_view tensor, std::string_view what) {
  return Error{"tensor " + quoted(tensor) + ": " + std::string(what)};
}

std::uint64_t little_endian(std::span<const std::byte, kLengthBytes> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

Expected<std::string_view> header_text(std::span<const std::byte> file) {
  if (file.size() < kLengthBytes)
    return Error{"not a safetensors file: it is shorter than the 8 bytes of its header's length"};
  const auto length = little_endian(file.first<kLengthBytes>());
  if (length > SafetensorsFile::kMaxHeader)
    return Error{"not a safetensors file, or a damaged one: its header would have " + std::to_string(length) +
                 " bytes, at most " + std::to_string(SafetensorsFile::kMaxHeader) + " are allowed"};
  if (length > file.size() - kLengthBytes)
    return Error{"the file ends inside its header: " + std::to_string(length) + " bytes were announced, " +
                 std::to_string(file.size() - kLengthBytes) + " are there"};
  const auto header = file.subspan(kLengthBytes, length);
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  if (!text.starts_with('{')) return Error{"the header does not begin with {"};
  return text;
}

// A product that stays within int64, so that TensorView::numel() cannot overflow either.
std::optional<std::uint64_t> product(std::span<const std::int64_t> sizes) {
  std::int64_t result = 1;
  for (const auto size : sizes)
    if (__builtin_mul_overflow(result, size, &result)) return std::nullopt;
  return static_cast<std::uint64_t>(result);
}

Expected<std::map<std::string, std::string, std::less<>>> parse_metadata(const dom::element& value) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return Error{"__metadata__ is not an object"};
  std::map<std::string, std::string, std::less<>> metadata;
  for (const auto [key, entry] : object) {
    std::string_view text;
    if (entry.get(text) != simdjson::SUCCESS)
      return Error{"__metadata__: the value of " + quoted(key) + " is not a string"};
    if (!metadata.emplace(key, text).second) return Error{"__metadata__: the key " + quoted(key) + " occurs twice"};
  }
  return metadata;
}

Expected<std::vector<std::int64_t>> parse_shape(const dom::element& value) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return Error{"shape is not a list"};
  std::vector<std::int64_t> sizes;
  for (const dom::element element : array) {
    std::int64_t size = 0;
    if (element.get(size) != simdjson::SUCCESS || size < 0)
      return Error{"shape holds something that is not a size from 0 to 2^63 - 1"};
    sizes.push_back(size);
  }
  return sizes;
}

struct DataOffsets {  // from the end of the header
  std::uint64_t begin, end;
};

Expected<DataOffsets> parse_data_offsets(const dom::element& value) {
  dom::array array;
  std::array<std::uint64_t, 2> offsets{};
  if (value.get(array) != simdjson::SUCCESS || array.size() != offsets.size())
    return Error{"data_offsets is not a list of two"};
  auto offset = offsets.begin();
  for (const dom::element element : array)
    if (element.get(*offset++) != simdjson::SUCCESS) return Error{"data_offsets holds something that is not an offset"};
  if (offsets[1] < offsets[0]) return Error{"data_offsets ends before it begins"};
  return DataOffsets{offsets[0], offsets[1]};
}

struct Fields {
  std::optional<dom::element> dtype, shape, data_offsets;
};

// Fields that the format does not know are passed over, as by the reference implementation.
Expected<Fields> find_fields(const dom::element& value) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return Error{"its description is not an object"};
  Fields fields;
  const std::array<std::pair<std::string_view, std::optional<dom::element>*>, 3> known = {
      {{"dtype", &fields.dtype}, {"shape", &fields.shape}, {"data_offsets", &fields.data_offsets}}};
  for (const auto [key, entry] : object)
    for (const auto& [name, field] : known) {
      if (key != name) continue;
      if (field->has_value()) return Error{std::string(name) + " occurs twice"};
      *field = entry;
    }
  for (const auto& [name, field] : known)
    if (!field->has_value()) return Error{std::string(name) + " is missing"};
  return fields;
}

Expected<SafetensorsEntry> parse_entry(std::string_view name, const dom::element& value) {
  const auto fields = find_fields(value);
  if (!fields) return about(name, fields.error().message);

  std::string_view dtype_name;
  if (fields->dtype->get(dtype_name) != simdjson::SUCCESS) return about(name, "dtype is not a string");
  const auto dtype = dtype_from_safetensors_name(dtype_name);
  if (!dtype) return about(name, "dtype " + quoted(dtype_name) + " is not supported");

  auto sizes = parse_shape(*fields->shape);
  if (!sizes) return about(name, sizes.error().message);
  const auto elements = product(*sizes);
  std::uint64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements, item_size(*dtype), &bytes))
    return about(name, "the sizes of its shape multiply to more than 2^63 elements or 2^64 bytes");

  const auto offsets = parse_data_offsets(*fields->data_offsets);
  if (!offsets) return about(name, offsets.error().message);
  if (offsets->end - offsets->begin != bytes)
    return about(name, "shape and dtype need " + std::to_string(bytes) + " bytes, data_offsets give " +
                           std::to_string(offsets->end - offsets->begin));
  return SafetensorsEntry{std::string(name), *dtype, std::move(*sizes), offsets->begin, bytes};
}

// Sorts by offset and makes offsets count from the start of the file.
std::optional<Error> place_entries(std::vector<SafetensorsEntry>& entries, std::uint64_t data_begin,
                                   std::uint64_t file_size) {
  std::ranges::sort(entries, {}, [](const SafetensorsEntry& entry) { return std::tie(entry.offset, entry.bytes); });
  const auto data_size = file_size - data_begin;
  std::uint64_t end = 0;
  for (auto& entry : entries) {
    if (entry.offset != end)
      return about(entry.name,
                   (entry.offset < end ? "its data overlap the tensor before, which ends at byte "
                                       : "its data leave a hole after the tensor before, which ends at byte ") +
                       std::to_string(end) + " of the data; it begins at " + std::to_string(entry.offset));
    if (entry.bytes > data_size - end)
      return about(entry.name, "the file ends inside its data: it needs bytes " + std::to_string(end) + " to " +
                                   std::to_string(end) + " + " + std::to_string(entry.bytes) +
                                   " of the data, there are " + std::to_string(data_size));
    end += entry.bytes;
    entry.offset += data_begin;
  }
  if (end != data_size) return Error{std::to_string(data_size - end) + " bytes after the last tensor belong to none"};
  return std::nullopt;
}

}  // namespace

Expected<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file) {
  const auto text = header_text(file);
  if (!text) return text.error();

  dom::parser parser;
  dom::object object;
  if (const auto error = parser.parse(text->data(), text->size()).get(object); error != simdjson::SUCCESS)
    return Error{std::string("the header is not a JSON object: ") + simdjson::error_message(error)};

  SafetensorsHeader header;
  std::set<std::string_view> keys;
  for (const auto [key, value] : object) {
    if (!keys.insert(key).second) return Error{"the name " + quoted(key) + " occurs twice"};
    if (key == kMetadataKey) {
      auto metadata = parse_metadata(value);
      if (!metadata) return metadata.error();
      header.metadata = std::move(*metadata);
    } else {
      auto entry = parse_entry(key, value);
      if (!entry) return entry.error();
      header.entries.push_back(std::move(*entry));
    }
  }
  if (auto error = place_entries(header.entries, kLengthBytes + text->size(), file.size())) return *error;
  return header;
}

}  // namespace fvhooks::internal
