#pragma once
#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "fvhooks/capture.h"

namespace fvhooks::testing {

inline CaptureKey capture_key(std::string module, std::optional<std::int64_t> step = std::nullopt,
                              std::uint64_t call = 0, CaptureSide side = CaptureSide::Output) {
  return {std::nullopt, "transformer", std::move(module), step, call, side};
}

// Tensors with their memory.
class OwnedTensors {
 public:
  OwnedTensors& add(std::string label, DType dtype, const std::vector<std::int64_t>& sizes) {
    auto& own = numbers_.emplace_back(sizes);
    auto& strides = numbers_.emplace_back(sizes.size(), 1);
    std::int64_t elements = 1;
    for (auto i = sizes.size(); i-- > 0; elements *= sizes[i]) strides[i] = elements;
    auto& bytes = bytes_.emplace_back(static_cast<std::size_t>(elements) * item_size(dtype), '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + bytes_.size());
    tensors_.push_back({std::move(label), TensorView{bytes.data(), dtype, own, strides}});
    return *this;
  }
  operator std::span<const SafetensorsTensor>() const { return tensors_; }  // NOLINT: implicit by design
  const std::vector<SafetensorsTensor>& all() const { return tensors_; }

 private:
  std::deque<std::vector<std::int64_t>> numbers_;
  std::deque<std::string> bytes_;
  std::vector<SafetensorsTensor> tensors_;
};

inline OwnedTensors one_tensor(std::int64_t elements = 4) {
  OwnedTensors tensors;
  tensors.add("out", DType::Float32, {elements});
  return tensors;
}

inline bool are_equal(const TensorView& a, const TensorView& b) {
  const auto bytes = static_cast<std::size_t>(a.numel()) * item_size(a.dtype);
  return a.dtype == b.dtype && std::ranges::equal(a.sizes, b.sizes) && std::ranges::equal(a.strides, b.strides) &&
         (bytes == 0 || std::memcmp(a.data, b.data, bytes) == 0);
}

inline std::vector<std::string> files_under(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  return files;
}

}  // namespace fvhooks::testing
