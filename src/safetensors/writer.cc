#include <simdjson.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>

#include "core/json_string.h"
#include "core/replacement.h"
#include "fvhooks/safetensors.h"
#include "safetensors/dtype_name.h"

namespace fvhooks {
namespace {

constexpr std::size_t kAlignment = 8;

bool is_contiguous(const TensorView& tensor) {
  if (tensor.sizes.size() != tensor.strides.size()) return false;
  std::int64_t stride = 1;
  for (std::size_t i = tensor.sizes.size(); i-- > 0;) {
    if (tensor.sizes[i] == 0) return true;  // no element, hence nowhere out of place
    if (tensor.sizes[i] != 1 && tensor.strides[i] != stride) return false;
    stride *= tensor.sizes[i];
  }
  return true;
}

std::size_t byte_count(const TensorView& tensor) {
  return static_cast<std::size_t>(tensor.numel()) * item_size(tensor.dtype);
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

std::optional<std::string> fault_of(const SafetensorsTensor& tensor) {
  if (tensor.name == "__metadata__") return "the format keeps this name for itself";
  if (!is_utf8(tensor.name)) return "its name is not UTF-8";
  if (internal::safetensors_name(tensor.tensor.dtype).empty())
    return "the format has no " + std::string(torch_name(tensor.tensor.dtype));
  if (!is_contiguous(tensor.tensor)) return "it is not contiguous";
  if (tensor.tensor.conjugate || tensor.tensor.negative) return "it is a lazy conjugate or negative";
  return std::nullopt;
}

std::optional<Error> fault_of(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    auto fault = fault_of(tensor);
    if (!fault && !names.insert(tensor.name).second) fault = "there are two of this name";
    if (fault) return Error{"cannot write tensor \"" + tensor.name + "\": " + *fault};
  }
  for (const auto& [key, value] : metadata)
    if (!is_utf8(key) || !is_utf8(value)) return Error{"cannot write metadata \"" + key + "\": it is not UTF-8"};
  return std::nullopt;
}

std::vector<const SafetensorsTensor*> in_file_order(std::span<const SafetensorsTensor> tensors) {
  std::vector<const SafetensorsTensor*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::ranges::sort(order, {}, [](const SafetensorsTensor* tensor) {
    return std::make_tuple(internal::order_in_file(tensor->tensor.dtype), std::string_view(tensor->name));
  });
  return order;
}

void append_key(std::string& json, std::string_view key) {
  if (json.back() != '{') json += ',';
  append_json_string(json, key);
  json += ':';
}

void append_entry(std::string& json, const SafetensorsTensor& tensor, std::uint64_t offset) {
  append_key(json, tensor.name);
  json += "{\"dtype\":\"" + std::string(internal::safetensors_name(tensor.tensor.dtype)) + "\",\"shape\":[";
  for (std::size_t i = 0; i < tensor.tensor.sizes.size(); ++i)
    json += (i > 0 ? "," : "") + std::to_string(tensor.tensor.sizes[i]);
  json +=
      "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(offset + byte_count(tensor.tensor)) + "]}";
}

// Length and JSON, padded with spaces so that the data begin aligned.
std::string header_of(std::span<const SafetensorsTensor* const> tensors, const SafetensorsMetadata& metadata) {
  std::string json = "{";
  if (!metadata.empty()) {
    append_key(json, "__metadata__");
    json += '{';
    for (const auto& [key, value] : metadata) {
      append_key(json, key);
      append_json_string(json, value);
    }
    json += '}';
  }
  std::uint64_t offset = 0;
  for (const auto* tensor : tensors) {
    append_entry(json, *tensor, offset);
    offset += byte_count(tensor->tensor);
  }
  json += '}';
  json.resize((json.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');

  std::string header;
  for (std::size_t i = 0; i < 8; ++i) header += static_cast<char>((json.size() >> (8 * i)) & 0xFF);
  return header + json;
}

}  // namespace

Expected<std::monostate> write_safetensors(const std::string& path, std::span<const SafetensorsTensor> tensors,
                                           const SafetensorsMetadata& metadata, Durability durability) {
  if (auto fault = fault_of(tensors, metadata)) return Error{path + ": " + fault->message};
  const auto order = in_file_order(tensors);
  const auto header = header_of(order, metadata);

  internal::Replacement file(path);
  bool complete = file.is_open() && file.write(header.data(), header.size());
  for (const auto* tensor : order) complete = complete && file.write(tensor->tensor.data, byte_count(tensor->tensor));
  const auto commit = [&] { return durability == Durability::Process ? file.commit_unflushed() : file.commit(); };
  if (!complete || !commit()) return Error{path + ": cannot be written: " + std::generic_category().message(errno)};
  return std::monostate{};
}

std::uint64_t safetensors_size(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata) {
  const auto order = in_file_order(tensors);
  std::uint64_t size = header_of(order, metadata).size();
  for (const auto* tensor : order) size += byte_count(tensor->tensor);
  return size;
}

}  // namespace fvhooks
