#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "fvhooks/report.h"
#include "report/html_data.h"
#include "report/html_page.h"

namespace fvhooks {
namespace {

using internal::html_data;
using internal::rows_of_page;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Records that were never in a file.
class MadeUp : public Comparisons {
 public:
  void add(Status status, const std::string& module) {
    Comparison comparison;
    comparison.key = {"", module, "out", 0, 0, {}};
    comparison.status = status;
    all_.push_back(comparison);
    rows_.emplace_back().status = status;
  }

  std::size_t size() const noexcept override { return all_.size(); }
  const Row& row(std::size_t index) const override { return rows_[index]; }
  RecordKey key(std::size_t index) const override { return all_[index].key; }
  Comparison at(std::size_t index) const override { return all_[index]; }
  RecordPair records(std::size_t) const override {
    Record record;
    record.stats = {{"abs_mean", 0.5}, {"shape", std::vector<std::int64_t>{2, 3}}};
    return {record, std::nullopt};
  }

 private:
  std::vector<Comparison> all_;
  std::vector<Row> rows_;
};

Verdict verdict_of(const std::vector<std::pair<Status, std::string>>& records) {
  auto made_up = std::make_shared<MadeUp>();
  Verdict verdict;
  for (const auto& [status, module] : records) {
    if (is_failure(status) && !verdict.first_diverged) verdict.first_diverged = made_up->size();
    made_up->add(status, module);
    ++verdict.counts[static_cast<std::size_t>(status)];
  }
  verdict.comparisons = made_up;
  return verdict;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class HtmlReport : public ::testing::Test {
 protected:
  HtmlReport() { std::filesystem::create_directory(folder_); }
  ~HtmlReport() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ = ::testing::TempDir() + "html_report_" + std::to_string(::getpid());
  std::filesystem::path path_ = folder_ / "report.html";
  Verdict verdict_ = verdict_of({{Status::Within, "a"}, {Status::Diverged, "b"}});
};

TEST_F(HtmlReport, IsOnePageThatNamesNoOtherFile) {
  ASSERT_TRUE(write_html_report(verdict_, path_));
  const auto page = read(path_);
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  for (const auto* reference : {"http:", "https:", "src=", "url(", "@import", "import "}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST_F(HtmlReport, ReplacesTheFileBeforeAndLeavesNothingBeside) {
  std::ofstream(path_) << "before";
  ASSERT_TRUE(write_html_report(verdict_, path_));
  EXPECT_THAT(read(path_), HasSubstr("<title>"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(HtmlReport, ThatCannotBeWrittenSaysWhyAndWhere) {
  const auto written = write_html_report(verdict_, folder_ / "no" / "folder.html");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("folder.html': No such file or directory"));
}

TEST_F(HtmlReport, IsNeverPutInPlaceOfAFolderOrADevice) {
  ASSERT_FALSE(write_html_report(verdict_, folder_));
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto written = write_html_report(verdict_, pipe);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("no regular file"));
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

TEST(HtmlData, HoldsNoMarkupWhateverTheNames) {
  auto verdict = verdict_of({{Status::Diverged, "</script><img onerror=alert(1)>"}});
  verdict.introducer = Introducer{"<!--", "</script>", 0, 0, {}, "<script>", true, false};
  verdict.notes = {"]]><b>"};
  verdict.port.problems = {{1, "<i>", "<u>"}};
  verdict.reference.path = "<path>";
  EXPECT_THAT(html_data(verdict, {.most_rows = 10}).json, Not(HasSubstr("<")));
}

TEST(HtmlData, HasAColumnForEachStatisticOfEachSide) {
  const auto data = html_data(verdict_of({{Status::Missing, "a"}, {Status::Missing, "b"}}), {.most_rows = 10});
  std::vector<std::string> names;
  for (const auto& column : data.columns) {
    if (column.name.find('.') != std::string::npos) names.push_back(column.name);
  }
  EXPECT_THAT(names, ElementsAre("reference.present", "reference.shape", "reference.dtype", "reference.0"));
  EXPECT_THAT(data.json, HasSubstr(R"("statistics":["abs_mean"])"));
  EXPECT_THAT(data.json, HasSubstr(R"("[2, 3]")"));
}

TEST(HtmlData, KeepsFailuresBeforeOthersAndSaysWhatItLeftOut) {
  std::vector<std::pair<Status, std::string>> records(100, {Status::Within, "a"});
  records[40].first = records[41].first = records[99].first = Status::Diverged;
  const auto verdict = verdict_of(records);
  EXPECT_THAT(rows_of_page(verdict, 5), ElementsAre(0, 40, 41, 50, 99));
  EXPECT_THAT(rows_of_page(verdict, 2), ElementsAre(40, 41));
  EXPECT_EQ(rows_of_page(verdict, 200).size(), 100U);
  const auto some = html_data(verdict, {.most_rows = 5});
  EXPECT_THAT(some.json, HasSubstr("5 of 100 records are in this page"));
  EXPECT_THAT(some.json, HasSubstr(R"("first_failure":1)"));
  EXPECT_THAT(html_data(verdict, {.most_rows = 100}).json, HasSubstr(R"("left_out":[])"));
}

TEST(HtmlData, OfNothingIsEmptyAndWhole) {
  const auto data = html_data(Verdict{}, {.most_rows = 10});
  EXPECT_THAT(data.json, HasSubstr(R"("rows":0)"));
  EXPECT_THAT(data.json, HasSubstr(R"("first_failure":null)"));
}

}  // namespace
}  // namespace fvhooks
