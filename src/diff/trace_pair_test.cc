#include "diff/trace_pair.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <fstream>

#include "core/testing/temporary_folder.h"
#include "diff/testing/toy_transformer.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using testing::lines_of;
using testing::traced;

class Files {
 public:
  Files(const std::string& reference, const std::string& port) {
    std::ofstream(reference_) << reference;
    std::ofstream(port_) << port;
  }

  std::size_t in_step() const { return read_pair(reference_, port_, {}).value().in_step.size(); }
  Verdict read_together() const { return diff_traces(reference_, port_).value(); }
  Verdict read_one_by_one() const {
    const auto read = [](const std::string& path) {
      return std::make_shared<const Trace>(Trace::read(path, {}).value());
    };
    return judge(read(reference_), read(port_), {});
  }

 private:
  fvhooks::testing::TemporaryFolder folder_;
  std::string reference_ = (folder_.path() / "reference.jsonl").string(),
              port_ = (folder_.path() / "port.jsonl").string();
};

auto numbers_of(const Row& row) {
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  return std::tuple(row.reference, row.port, bits(row.error), bits(row.threshold), bits(row.abs_mean_bias),
                    bits(row.mean_bias), bits(row.bias_noise), row.status, int{row.sketch_log2}, bool{row.is_settled},
                    bool{row.is_reordered}, bool{row.is_input}, bool{row.has_non_finite}, int{row.reference_dtype},
                    int{row.port_dtype}, bool{row.is_narrower});
}

void expect_same_verdict(const Files& files) {
  const auto together = files.read_together(), one_by_one = files.read_one_by_one();
  RC_ASSERT(together.size() == one_by_one.size());
  for (std::size_t i = 0; i < together.size(); ++i) {
    RC_ASSERT(numbers_of(together.row(i)) == numbers_of(one_by_one.row(i)));
  }
  RC_ASSERT(together.notes == one_by_one.notes);
  RC_ASSERT(together.threshold_source == one_by_one.threshold_source);
  RC_ASSERT(together.introducer.has_value() == one_by_one.introducer.has_value());
}

RC_GTEST_PROP(TracePair, GivesTheVerdictOfTracesThatAreReadOneByOne, ()) {
  const auto bug = static_cast<Bug>(*rc::gen::inRange(0, static_cast<int>(Bug::NotANumber) + 1));
  auto reference = traced(Bug::None).in_file_order(), port = traced(bug, 1e-7F).in_file_order();
  for (auto* records : {&reference, &port}) {  // and lines that are missing, or in another place
    for (auto cuts = *rc::gen::inRange(0, 3); cuts > 0; --cuts) {
      records->erase(records->begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(*records)));
    }
    const auto swaps = *rc::gen::inRange(0, 2);
    if (swaps != 0) std::swap((*records)[*rc::gen::inRange<std::size_t>(0, records->size())], records->front());
  }
  auto older_run = traced(Bug::LeafBias).in_file_order();
  for (auto& record : older_run) record.run = "00000001";
  const bool has_older_run = *rc::gen::arbitrary<bool>();
  expect_same_verdict(Files(lines_of(reference), (has_older_run ? lines_of(older_run) : "") + lines_of(port)));
}

TEST(TracePair, GoesInStepAsFarAsKeysAreTheSame) {
  const auto whole = traced(Bug::None).in_file_order();
  EXPECT_EQ(Files(lines_of(whole), lines_of(traced(Bug::RopeHalf).in_file_order())).in_step(), whole.size());
  auto shorter = whole;
  shorter.erase(shorter.begin() + 10);
  EXPECT_EQ(Files(lines_of(whole), lines_of(shorter)).in_step(), 10U);
}

TEST(TracePair, IsNotInStepWhereRecordsAreInAnotherOrderThanTheirLines) {
  auto reversed = traced(Bug::None).in_file_order();
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(Files(lines_of(reversed), lines_of(reversed)).in_step(), 0U);
}

TEST(TracePair, NamesTheFileThatCannotBeRead) {
  EXPECT_NE(read_pair("/nowhere/a.jsonl", "/nowhere/b.jsonl", {}).error().message.find("a.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace fvhooks::internal
