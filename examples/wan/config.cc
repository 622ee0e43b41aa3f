#include "config.h"

#include <simdjson.h>

#include <algorithm>

#include "fvhooks/expected.h"

namespace wan {
namespace {

namespace dom = simdjson::dom;

class ConfigReader {
 public:
  ConfigReader(std::string path, dom::object object) : path_(std::move(path)), object_(object) {}

  template <class... Text>
  [[noreturn]] void fail(const Text&... text) const {
    std::string message = path_ + ": ";
    (message.append(text), ...);
    throw fvhooks::Exception(message);
  }

  bool is_null(const char* key) const {
    dom::element value;
    return object_[key].get(value) != simdjson::SUCCESS || value.is_null();
  }

  // A key that is absent keeps its default, as in the reference.
  template <class T>
  void read(const char* key, T& value) const {
    dom::element element;
    if (object_[key].get(element) != simdjson::SUCCESS) return;
    if (element.get(value) != simdjson::SUCCESS) fail(key, " is of another type than expected");
  }

  void read_size(const char* key, std::int64_t& value) const {
    read(key, value);
    check_size(key, value);
  }

  void read_sizes(const char* key, std::array<std::int64_t, 3>& values) const {
    dom::array array;
    if (object_[key].get(array) != simdjson::SUCCESS) return;
    if (array.size() != values.size()) fail(key, " is not a list of ", std::to_string(values.size()));
    auto value = values.begin();
    for (const dom::element element : array) {
      if (element.get(*value) != simdjson::SUCCESS) fail(key, " holds something that is not an integer");
      check_size(key, *value++);
    }
  }

 private:
  // Far above any model, far below where products of a few sizes overflow.
  void check_size(const char* key, std::int64_t value) const {
    constexpr std::int64_t kLargest = 1'000'000;
    if (value < 1 || value > kLargest)
      fail(key, " = ", std::to_string(value), " is not from 1 to ", std::to_string(kLargest));
  }

  std::string path_;
  dom::object object_;
};

}  // namespace

WanConfig read_config(const std::string& path) {
  dom::parser parser;
  dom::object object;
  if (const auto error = parser.load(path).get(object); error != simdjson::SUCCESS)
    throw fvhooks::Exception(path + ": " + simdjson::error_message(error));
  const ConfigReader reader(path, object);

  WanConfig config;
  reader.read_sizes("patch_size", config.patch_size);
  reader.read_size("num_attention_heads", config.num_attention_heads);
  reader.read_size("attention_head_dim", config.attention_head_dim);
  reader.read_size("in_channels", config.in_channels);
  config.out_channels = config.in_channels;
  if (!reader.is_null("out_channels")) reader.read_size("out_channels", config.out_channels);
  reader.read_size("text_dim", config.text_dim);
  reader.read_size("freq_dim", config.freq_dim);
  reader.read_size("ffn_dim", config.ffn_dim);
  reader.read_size("num_layers", config.num_layers);
  reader.read_size("rope_max_seq_len", config.rope_max_seq_len);
  reader.read("cross_attn_norm", config.cross_attn_norm);
  reader.read("eps", config.eps);

  if (config.attention_head_dim % 2 != 0) reader.fail("attention_head_dim is odd: rotary embedding turns pairs");
  for (const auto* key : {"image_dim", "added_kv_proj_dim", "pos_embed_seq_len"})
    if (!reader.is_null(key))
      reader.fail(key, " is set: this is an image-to-video model, only text-to-video is ported");
  return config;
}

}  // namespace wan
