// safetensors_copy FROM TO: reads a file and writes its tensors again, for python/tests/test_safetensors_files.py.
#include <deque>
#include <iostream>

#include "fvhooks/safetensors.h"

namespace {

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (std::size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

void copy(const std::string& from, const std::string& to) {
  const auto file = fvhooks::SafetensorsFile::open(from).value();
  std::deque<std::vector<std::int64_t>> strides;
  std::vector<fvhooks::SafetensorsTensor> tensors;
  for (const auto& entry : file.entries()) {
    strides.push_back(contiguous_strides(entry.sizes));
    tensors.push_back({entry.name, {file.bytes(entry).data(), entry.dtype, entry.sizes, strides.back()}});
  }
  fvhooks::write_safetensors(to, tensors, file.metadata()).value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: safetensors_copy FROM TO\n";
    return 2;
  }
  try {
    copy(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
