// The timeline, read as Perfetto reads it: by a JSON parser, by the fields of Chrome's trace format.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>

#include "offload/fake_transfer.h"

namespace fvhooks {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kBlocks = 5, kSteps = 3;

class Timeline : public testing::Test {
 protected:
  Timeline() {
    const auto engine = OffloadEngine::open(std::make_shared<FakeTransfer>(std::vector<std::size_t>(kBlocks, 4096)),
                                            {.budget = 3 * 4096, .prefetch_depth = 1})
                            .value();
    for (std::size_t use = 0; use < kSteps * kBlocks; ++use) engine->acquire(use % kBlocks).value();
    report_ = engine->report();
    dom::element events;
    EXPECT_EQ(parser_.parse(chrome_trace(report_))["traceEvents"].get(events), simdjson::SUCCESS);
    for (const dom::object event : dom::array(events)) {
      if (std::string_view(event["ph"]) == "M") {
        rows_[std::int64_t(event["tid"])] = std::string_view(event["args"]["name"]);
      } else {
        events_.push_back(event);
      }
    }
  }

  dom::parser parser_;
  OffloadReport report_;
  std::map<std::int64_t, std::string> rows_;  // names by number
  std::vector<dom::object> events_;
};

TEST_F(Timeline, HasEveryLoadStallAndUseOfTheReport) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& event : events_) ++counts[std::string(std::string_view(event["name"]))];
  EXPECT_EQ(events_.size(), report_.events.size());
  for (std::size_t block = 0; block < kBlocks; ++block) {
    EXPECT_EQ(counts["use " + std::to_string(block)], kSteps);
    EXPECT_EQ(counts["load " + std::to_string(block)], report_.loads[block]);
  }
}

TEST_F(Timeline, ShowsTransferAndComputationOnRowsOfTheirOwn) {
  for (const auto& event : events_) {
    const bool is_load = std::string_view(event["name"]).starts_with("load");
    EXPECT_EQ(rows_.at(std::int64_t(event["tid"])), is_load ? "transfer" : "compute");
  }
}

TEST_F(Timeline, CompleteEventsHaveBeginDurationAndSlot) {
  double loaded_until = 0;
  for (const auto& event : events_) {
    const double begin = event["ts"], duration = event["dur"];
    EXPECT_EQ(std::string_view(event["ph"]), "X");
    EXPECT_GE(begin, 0);
    EXPECT_GE(duration, 0);
    EXPECT_LT(std::uint64_t(event["args"]["slot"]), 3u);
    if (!std::string_view(event["name"]).starts_with("load")) continue;
    EXPECT_GE(begin, loaded_until) << "there is one loader";
    loaded_until = begin + duration - 0.001;  // what rounding to nanoseconds may take
  }
}

TEST(ChromeTrace, OfAReportWithoutEventsIsJsonToo) {
  dom::parser parser;
  dom::array events;
  ASSERT_EQ(parser.parse(chrome_trace(OffloadReport()))["traceEvents"].get(events), simdjson::SUCCESS);
  EXPECT_EQ(events.size(), 2u);  // the names of the rows
}

}  // namespace
}  // namespace fvhooks
