#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/descriptor.h"
#include "fvhooks/safetensors.h"
#include "safetensors/header.h"

namespace fvhooks {
namespace {

// Private, so that whoever writes to the memory changes neither the file nor what others see of it.
class Mapping {
 public:
  Mapping(void* memory, std::size_t size) noexcept : memory_(memory), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (size_ > 0) ::munmap(memory_, size_);
  }
  std::span<const std::byte> bytes() const noexcept { return {static_cast<const std::byte*>(memory_), size_}; }

 private:
  void* memory_;
  std::size_t size_;
};

Error system_error() { return Error{std::generic_category().message(errno)}; }

Expected<Mapping> map(const std::string& path) {
  // Without O_NONBLOCK, a pipe of that name would be waited for.
  const internal::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return system_error();
  if (!S_ISREG(status.st_mode)) return Error{"not a regular file"};
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return Mapping(nullptr, 0);  // mmap refuses an empty file
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.number(), 0);
  if (memory == MAP_FAILED) return system_error();
  return Mapping(memory, size);
}

}  // namespace

struct SafetensorsFile::State {
  Mapping mapping;
  internal::SafetensorsHeader header;
  std::map<std::string_view, const SafetensorsEntry*> by_name;
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

Expected<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  auto mapping = map(path);
  if (!mapping) return Error{path + ": " + mapping.error().message};
  auto header = internal::parse_safetensors_header(mapping->bytes());
  if (!header) return Error{path + ": " + header.error().message};

  auto state = std::make_unique<State>(State{std::move(*mapping), std::move(*header), {}});
  for (const auto& entry : state->header.entries) state->by_name.emplace(entry.name, &entry);
  return SafetensorsFile(std::move(state));
}

const std::vector<SafetensorsEntry>& SafetensorsFile::entries() const noexcept { return state_->header.entries; }

const std::map<std::string, std::string, std::less<>>& SafetensorsFile::metadata() const noexcept {
  return state_->header.metadata;
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto found = state_->by_name.find(name);
  return found == state_->by_name.end() ? nullptr : found->second;
}

std::span<const std::byte> SafetensorsFile::bytes(const SafetensorsEntry& entry) const noexcept {
  return state_->mapping.bytes().subspan(entry.offset, entry.bytes);
}

}  // namespace fvhooks
