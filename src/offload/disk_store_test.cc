#include "fvhooks/disk_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "offload/block_layout.h"

namespace fvhooks {
namespace {

using testing::HasSubstr;

constexpr ReadMethod kMethods[] = {ReadMethod::IoUring, ReadMethod::Pread, ReadMethod::Buffered};

// A file of random bytes that is gone with the test.
class RandomFile {
 public:
  explicit RandomFile(std::size_t bytes, unsigned seed = 1) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("fvhooks_disk_store_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::mt19937 random(seed);
    content_.resize(bytes);
    for (auto& value : content_) value = static_cast<char>(random());
    write_again();
  }
  ~RandomFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }
  const char* at(std::uint64_t offset) const { return content_.data() + offset; }
  void write_again() {
    std::fstream(path_,
                 std::ios::binary | std::ios::out | (std::filesystem::exists(path_) ? std::ios::in : std::ios::trunc))
        .write(content_.data(), static_cast<std::streamsize>(content_.size()));
  }
  void shorten(std::uint64_t bytes) { std::filesystem::resize_file(path_, bytes); }

 private:
  std::filesystem::path path_;
  std::string content_;
};

class Pages {
 public:
  explicit Pages(std::size_t bytes) : bytes_(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{4096}))) {
    std::memset(bytes_, 0xAB, bytes);
  }
  ~Pages() { ::operator delete(bytes_, std::align_val_t{4096}); }
  std::byte* data() { return bytes_; }

 private:
  std::byte* bytes_;
};

std::shared_ptr<DiskStore> open_store(const std::vector<std::string>& files,
                                      const std::vector<std::vector<StoredTensor>>& blocks, ReadMethod method) {
  return DiskStore::open(files, blocks, {.method = method, .scratch = ""}).value();
}

bool is_machine_without(ReadMethod method, const RandomFile& file) {
  return !DiskStore::open({file.path()}, {{{0, 0, 1, 1}}}, {.method = method, .scratch = ""});
}

class EveryMethod : public testing::TestWithParam<ReadMethod> {
 protected:
  void SetUp() override {
    const RandomFile file(1);
    if (is_machine_without(GetParam(), file)) GTEST_SKIP() << "this machine does not have this way to read";
  }
};
std::string method_name(const testing::TestParamInfo<ReadMethod>& method) {
  constexpr const char* kNames[] = {"IoUring", "Pread", "Buffered"};
  return kNames[static_cast<int>(method.param)];
}
INSTANTIATE_TEST_SUITE_P(DiskStore, EveryMethod, testing::ValuesIn(kMethods), method_name);

RC_GTEST_PROP(DiskStore, PutsEachTensorWhereItSays, ()) {
  const RandomFile first(300'000, 1), second(70'001, 2);
  const RandomFile* files[] = {&first, &second};
  const std::uint64_t sizes[] = {300'000, 70'001};
  const auto any_tensor = rc::gen::exec([&] {
    StoredTensor tensor;
    tensor.file = *rc::gen::inRange<std::size_t>(0, 2);
    tensor.offset = *rc::gen::inRange<std::uint64_t>(0, sizes[tensor.file] + 1);
    tensor.bytes = *rc::gen::inRange<std::uint64_t>(0, sizes[tensor.file] - tensor.offset + 1);
    tensor.alignment = *rc::gen::element<std::size_t>(1, 4, 64, 512);
    tensor.remainder = *rc::gen::inRange<std::size_t>(0, tensor.alignment);
    return tensor;
  });
  const auto tensors = *rc::gen::container<std::vector<StoredTensor>>(any_tensor);
  for (const auto method : kMethods) {
    auto store = DiskStore::open({first.path(), second.path()}, {tensors}, {.method = method, .scratch = ""});
    if (!store) continue;  // EveryMethod says so
    Pages buffer((*store)->bytes(0));
    RC_ASSERT((*store)->read(0, buffer.data()).has_value());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto* got = buffer.data() + (*store)->offsets(0)[i];
      if (tensors[i].bytes == 0) continue;
      RC_ASSERT(reinterpret_cast<std::uintptr_t>(got) % tensors[i].alignment == tensors[i].remainder);
      RC_ASSERT(std::memcmp(got, files[tensors[i].file]->at(tensors[i].offset), tensors[i].bytes) == 0);
    }
  }
}

TEST(BlockLayout, ReadsNeighboursInAFileAtOnce) {
  const auto layout =
      internal::lay_out(std::vector<StoredTensor>{{0, 9000, 100, 4}, {0, 8200, 800, 4}, {0, 9200, 8, 4}});
  ASSERT_EQ(layout.extents.size(), 1u);
  EXPECT_EQ(layout.extents[0].offset, 8200u);
  EXPECT_EQ(layout.bytes, 4096u);
  EXPECT_EQ(layout.offsets, (std::vector<std::size_t>{808, 8, 1008}));
}

TEST(BlockLayout, ReadsNeighboursThatAreOutOfPlaceByTheSameBytesAtOnce) {
  const auto layout = internal::lay_out(std::vector<StoredTensor>{{0, 8200, 640}, {0, 8840, 100}});
  ASSERT_EQ(layout.extents.size(), 1u);
  EXPECT_EQ(layout.offsets, (std::vector<std::size_t>{0, 640}));
}

TEST_P(EveryMethod, ReadsWhatIsLargerThanWhatIsOnItsWayAtOnce) {
  const std::size_t bytes = (std::size_t{40} << 20) + 12345;
  const RandomFile file(bytes);
  const auto store = open_store({file.path()}, {{{0, 5, bytes - 5}}}, GetParam());
  Pages buffer(store->bytes(0));
  ASSERT_TRUE(store->read(0, buffer.data()));
  EXPECT_EQ(std::memcmp(buffer.data() + store->offsets(0)[0], file.at(5), bytes - 5), 0);
}

TEST_P(EveryMethod, AFileThatHasBecomeShorterIsAnErrorAndOtherBlocksStillWork) {
  RandomFile file(std::size_t{1} << 20);
  const auto store = open_store({file.path()}, {{{0, 0, 4096, 4}}, {{0, 900'000, 4096, 4}}}, GetParam());
  file.shorten(500'000);
  Pages buffer(std::size_t{1} << 20);
  const auto failed = store->read(1, buffer.data());
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("shorter"));
  ASSERT_TRUE(store->read(0, buffer.data()));
  EXPECT_EQ(std::memcmp(buffer.data(), file.at(0), 4096), 0);
}

TEST_P(EveryMethod, AReadThatFailsHalfWayIsAnErrorAndTheNextIsWhole) {
  const std::size_t bytes = std::size_t{12} << 20;
  RandomFile file(bytes);
  const auto store = open_store({file.path()}, {{{0, 5, bytes - 5}}}, GetParam());
  Pages buffer(store->bytes(0));
  file.shorten(bytes / 2 + 100);
  const auto failed = store->read(0, buffer.data());
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("shorter"));
  file.write_again();
  ASSERT_TRUE(store->read(0, buffer.data()));
  EXPECT_EQ(std::memcmp(buffer.data() + store->offsets(0)[0], file.at(5), bytes - 5), 0);
}

TEST_P(EveryMethod, AChangedBlockIsReadAsItWasLastPut) {
  const RandomFile file(20'000);
  const auto store = open_store({file.path()}, {{{0, 100, 9000, 4}}, {{0, 10'000, 5000, 4}}}, GetParam());
  Pages buffer(store->bytes(0));
  for (int version = 0; version < 3; ++version) {
    Pages changed(store->bytes(0));
    std::memset(changed.data(), version, store->bytes(0));
    ASSERT_TRUE(store->put(0, 0, changed.data()));
    ASSERT_TRUE(store->read(0, buffer.data()));
    EXPECT_EQ(std::memcmp(buffer.data(), changed.data(), store->bytes(0)), 0);
  }
  ASSERT_TRUE(store->read(1, buffer.data()));
  EXPECT_EQ(std::memcmp(buffer.data() + store->offsets(1)[0], file.at(10'000), 5000), 0);
}

TEST(DiskStore, AChangeThatCannotBeStoredLeavesTheBlockAsItWas) {
  const RandomFile file(20'000);
  const auto store =
      DiskStore::open({file.path()}, {{{0, 100, 9000, 4}}}, {.method = {}, .scratch = "/nowhere"}).value();
  Pages buffer(store->bytes(0));
  const auto failed = store->put(0, 0, buffer.data());
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("/nowhere"));
  ASSERT_TRUE(store->read(0, buffer.data()));
  EXPECT_EQ(std::memcmp(buffer.data() + store->offsets(0)[0], file.at(100), 9000), 0);
}

TEST(DiskStore, SaysHowItReadsAndWhy) {
  const RandomFile file(100);
  const auto store = DiskStore::open({file.path()}, {{{0, 0, 100, 1}}}).value();
  EXPECT_THAT(store->description(), testing::AnyOf(HasSubstr("O_DIRECT"), HasSubstr("FADV_DONTNEED")));
}

TEST(DiskStore, AFileSystemWithoutDirectReadsIsReadThroughTheCache) {
  const int descriptor = ::memfd_create("weights", 0);
  ASSERT_GE(descriptor, 0);
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  ASSERT_EQ(::write(descriptor, "0123456789", 10), 10);
  const auto store = DiskStore::open({path}, {{{0, 2, 8, 1}}}).value();
  Pages buffer(store->bytes(0));
  ASSERT_TRUE(store->read(0, buffer.data()));
  EXPECT_EQ(std::memcmp(buffer.data() + store->offsets(0)[0], "23456789", 8), 0);
  ::close(descriptor);
}

TEST(DiskStore, FilesThatAreNotThereOrTooShortAreErrorsOfOpen) {
  const RandomFile file(100);
  EXPECT_THAT(DiskStore::open({"/no/such/file"}, {}).error().message, HasSubstr("/no/such/file"));
  EXPECT_THAT(DiskStore::open({file.path()}, {{{0, 50, 51, 1}}}).error().message, HasSubstr("too short"));
  EXPECT_THAT(DiskStore::open({file.path()}, {{{0, 1ull << 63, 1ull << 63, 1}}}).error().message,
              HasSubstr("too short"));
  EXPECT_FALSE(DiskStore::open({file.path()}, {{{1, 0, 1, 1}}}));
  EXPECT_THAT(DiskStore::open({"/tmp"}, {}).error().message, HasSubstr("regular"));
}

TEST_P(EveryMethod, ServesAnEngine) {
  const RandomFile file(std::size_t{8} << 20);
  std::vector<std::vector<StoredTensor>> blocks;
  for (std::uint64_t i = 0; i < 8; ++i) blocks.push_back({{0, (i << 20) + 100 * i, 1'000'000, 4}});
  const auto store = open_store({file.path()}, blocks, GetParam());
  const auto engine = OffloadEngine::open(store, {.budget = std::uint64_t{3} << 20, .prefetch_depth = 1}).value();
  for (int step = 0; step < 3; ++step) {
    for (std::size_t block = 0; block < 8; ++block) {
      const auto lease = engine->acquire(block).value();
      const auto& tensor = blocks[block][0];
      EXPECT_EQ(std::memcmp(lease.data() + store->offsets(block)[0], file.at(tensor.offset), tensor.bytes), 0);
    }
  }
}

}  // namespace
}  // namespace fvhooks
