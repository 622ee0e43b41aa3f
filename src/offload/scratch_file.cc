#include "offload/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "offload/disk_reader.h"

namespace fvhooks::internal {

Expected<std::monostate> ScratchFile::open() {
  file_ = Descriptor(::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) {  // a file system without O_TMPFILE
    std::string name = folder_ + "/fvhooks-XXXXXX";
    file_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
    if (file_) ::unlink(name.c_str());
  }
  if (!file_) {
    return Error{"cannot make a file in " + folder_ +
                 " for changed weights: " + std::generic_category().message(errno)};
  }
  return std::monostate();
}

Expected<std::uint64_t> ScratchFile::write(const std::byte* from, std::size_t bytes) {
  if (!file_) {
    if (auto opened = open(); !opened) return opened.error();
  }
  auto& of_this_size = free_[bytes];
  const auto region = of_this_size.empty() ? end_ : of_this_size.back();
  for (std::size_t done = 0; done < bytes;) {
    const auto wrote = ::pwrite(file_.number(), from + done, bytes - done, static_cast<off_t>(region + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      return Error{"cannot write changed weights to " + folder_ + ": " +
                   std::generic_category().message(wrote == 0 ? ENOSPC : errno)};
    }
    done += static_cast<std::size_t>(wrote);
  }
  // Only pages that have reached the disk can be forgotten.
  ::fdatasync(file_.number());
  ::posix_fadvise(file_.number(), static_cast<off_t>(region), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
  if (of_this_size.empty()) {
    end_ += page_end(bytes);
  } else {
    of_this_size.pop_back();
  }
  return region;
}

Expected<std::monostate> ScratchFile::read(std::uint64_t region, std::size_t bytes, std::byte* to) const {
  const Read whole{file_.number(), region, bytes, to};
  return make_buffered_reader()->read({&whole, 1});
}

}  // namespace fvhooks::internal
