#include "fvhooks/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <limits>

#include "report/subtree.h"
#include "report/table.h"

namespace fvhooks {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Comparison comparison_of(const std::string& module, Status status, const std::string& tensor = "out") {
  Comparison comparison;
  comparison.key = {"", module, tensor, 0, 0, {}};
  comparison.status = status;
  if (status == Status::Within || status == Status::Diverged) {
    comparison.error = status == Status::Within ? 1e-7 : 0.25;
    comparison.threshold = 1e-6;
    comparison.by_sketch = true;
  }
  return comparison;
}

// Records that were never in a file.
class MadeUp : public Comparisons {
 public:
  explicit MadeUp(std::vector<Comparison> all) : all_(std::move(all)) {
    for (const auto& comparison : all_) {
      auto& row = rows_.emplace_back();
      row.status = comparison.status;
      row.error = static_cast<float>(comparison.error.value_or(std::nan("")));
      row.threshold = static_cast<float>(comparison.threshold.value_or(std::nan("")));
    }
  }
  std::size_t size() const noexcept override { return all_.size(); }
  const Row& row(std::size_t index) const override { return rows_[index]; }
  RecordKey key(std::size_t index) const override { return all_[index].key; }
  Comparison at(std::size_t index) const override { return all_[index]; }
  RecordPair records(std::size_t) const override { return {}; }

 private:
  std::vector<Comparison> all_;
  std::vector<Row> rows_;
};

Verdict verdict_of(std::vector<Comparison> comparisons) {
  Verdict verdict;
  verdict.reference.path = "reference.jsonl";
  verdict.port.path = "port.jsonl";
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const auto status = comparisons[i].status;
    ++verdict.counts[static_cast<std::size_t>(status)];
    if (is_failure(status) && !verdict.first_diverged) verdict.first_diverged = i;
  }
  verdict.comparisons = std::make_shared<MadeUp>(std::move(comparisons));
  verdict.passed = !verdict.first_diverged;
  return verdict;
}

std::string json_of(const Verdict& verdict) {
  std::string text;
  write_json_report(verdict, [&](std::string_view piece) { text += piece; });
  return text;
}

Verdict diverged() {
  std::vector<Comparison> comparisons;
  for (int i = 0; i < 20; ++i) comparisons.push_back(comparison_of("before." + std::to_string(i), Status::Within));
  comparisons.push_back(comparison_of("blocks.0.attn1.to_out.0", Status::Diverged, "in[0]"));
  for (int i = 0; i < 20; ++i) comparisons.push_back(comparison_of("after." + std::to_string(i), Status::Within));
  auto verdict = verdict_of(std::move(comparisons));
  verdict.introducer = Introducer{"", "blocks.0.attn1", 0, 0, {}, "its inputs agree", true, false};
  return verdict;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

TEST(TerminalReport, BeginsWithTheVerdictAndTheModuleThatIntroducedTheError) {
  const auto text = terminal_report(diverged(), {});
  EXPECT_EQ(first_line(text), "DIVERGED  blocks.0.attn1 introduced the error (step 0, call 0), 1 record differs");
  EXPECT_THAT(text, HasSubstr("its inputs agree"));
  EXPECT_THAT(text, HasSubstr("first failure: blocks.0.attn1.to_out.0 in[0] (step 0, call 0): diverged"));
}

TEST(TerminalReport, ShowsRowsAroundTheDivergenceAndRunsOfPassesInOneLine) {
  const auto text = terminal_report(diverged(), {});
  EXPECT_THAT(text, HasSubstr("… 18 within\n"));
  EXPECT_THAT(text, HasSubstr("before.19 out"));
  EXPECT_THAT(text, Not(HasSubstr("before.17 out")));
  EXPECT_THAT(text, HasSubstr("250000×"));
}

TEST(TerminalReport, WithZeroRowsShowsEveryRecord) {
  const auto text = terminal_report(diverged(), {false, 0, 100});
  EXPECT_THAT(text, HasSubstr("before.0 out"));
  EXPECT_THAT(text, HasSubstr("after.19 out"));
}

TEST(TerminalReport, SaysHowManyRowsItLeftOut) {
  std::vector<Comparison> comparisons(50, comparison_of("a", Status::Diverged));
  EXPECT_THAT(terminal_report(verdict_of(comparisons), {false, 10, 100}), HasSubstr("… 40 more records"));
}

TEST(TerminalReport, OfAPassSaysWhatWasExcused) {
  auto verdict = verdict_of({comparison_of("a", Status::Within), comparison_of("b", Status::Diverged),
                             comparison_of("c", Status::Diverged), comparison_of("d", Status::Extra)});
  verdict.passed = true;  // by what --fail-on names
  EXPECT_EQ(first_line(terminal_report(verdict, {})),
            "PASS  1 record agrees; excused by --fail-on: 2 diverged, 1 extra");
}

TEST(TerminalReport, OfAFewRowsShowsTheFirstFailureAmongThem) {
  for (std::size_t rows = 1; rows <= 8; ++rows) {
    const auto text = terminal_report(diverged(), {false, rows, 100});
    const auto table = text.substr(text.find("\nIn the order of execution\n"));
    EXPECT_THAT(table, HasSubstr("blocks.0.attn1.to_out.0 in[0]")) << rows;
    const auto shown = table.substr(0, table.find("\n\n"));
    const bool is_cut = shown.find("more records") != std::string::npos;
    EXPECT_LE(std::count(shown.begin(), shown.end(), '\n'), static_cast<std::ptrdiff_t>(3 + rows + is_cut)) << rows;
  }
}

TEST(TerminalReport, OfAFewRowsShowsWhatTheIntroducerIsToldBy) {
  auto verdict = diverged();
  verdict.first_evidence = 5;  // within its threshold, but what diverges later carries it on
  const auto text = terminal_report(verdict, {false, 2, 100});
  EXPECT_THAT(text, HasSubstr("before.5 out"));
  EXPECT_THAT(text, HasSubstr("blocks.0.attn1.to_out.0 in[0]  "));
  EXPECT_THAT(text, HasSubstr("39 more records"));
}

TEST(TerminalReport, OfAPassShowsWhatCameClosestToItsThreshold) {
  auto close = comparison_of("close", Status::Within);
  close.error = 9e-7;
  std::vector<Comparison> comparisons(20, comparison_of("far", Status::Within));
  comparisons.push_back(close);
  const auto text = terminal_report(verdict_of(comparisons), {});
  EXPECT_EQ(first_line(text), "PASS  21 records agree");
  EXPECT_LT(text.find("close out"), text.find("far out"));
}

TEST(TerminalReport, OfMissingRecordsIsIncompleteAndGroupsThemBySubtree) {
  std::vector<Comparison> comparisons = {comparison_of("blocks.0.norm", Status::Within)};
  for (int i = 0; i < 42; ++i) {
    comparisons.push_back(comparison_of("blocks.7." + std::to_string(i % 3) + ".proj", Status::Missing));
  }
  const auto text = terminal_report(verdict_of(comparisons), {});
  EXPECT_THAT(first_line(text), HasSubstr("INCOMPLETE"));
  EXPECT_THAT(text, HasSubstr("blocks.7.* missing in the port (42 records)"));
}

TEST(TerminalReport, OfOtherModelInputsBlamesNoModule) {
  auto verdict = diverged();
  verdict.introducer->outside = true;
  EXPECT_THAT(first_line(terminal_report(verdict, {})), HasSubstr("the model was given other inputs"));
}

TEST(TerminalReport, SaysWhyAsFarAsTheNumbersTell) {
  auto verdict = diverged();
  verdict.diagnosis = {{"same values in another order", "", "blocks.0.attn1", "the magnitudes agree to 1e-5"}};
  EXPECT_THAT(terminal_report(verdict, {}),
              HasSubstr("  same values in another order, in blocks.0.attn1: the magnitudes"
                        " agree to 1e-5\n"));
}

TEST(TerminalReport, DrawsTheErrorOverDepthInOneLine) {
  auto verdict = diverged();
  verdict.error_over_depth = {{"a", {}, 1e-7, 1e-6}, {"b", {}, 1e-7, 1e-6}, {"c", {}, 0.5, 1e-6}};
  EXPECT_THAT(terminal_report(verdict, {}), HasSubstr("  error over depth  ▁▁█  1e-07 to 0.5\n"));
  verdict.error_over_depth.resize(1);
  EXPECT_THAT(terminal_report(verdict, {}), Not(HasSubstr("error over depth"))) << "a point is no curve";
}

TEST(TerminalReport, IsColouredOnlyWhenAsked) {
  EXPECT_THAT(terminal_report(diverged(), {false, 40, 100}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(terminal_report(diverged(), {true, 40, 100}), HasSubstr("\x1b[1;31mDIVERGED\x1b[0m"));
}

TEST(TerminalReport, LetsNoNameSteerTheTerminal) {
  auto evil = comparison_of(
      "a\x1b[2J\r\n\xc2\x9b"
      "31m",
      Status::Diverged);
  evil.detail = "\x1b]0;title\x07";
  auto verdict = verdict_of({evil});
  verdict.introducer = Introducer{evil.key.module, evil.key.module, 0, 0, {}, evil.key.module, true, false};
  verdict.notes = {evil.key.module};
  verdict.reference.problems = {{1, evil.key.module, evil.key.module}};
  verdict.reference.problem_count = 1;
  const auto text = terminal_report(verdict, {});
  for (const auto* control : {"\x1b", "\r", "\xc2\x9b", "\x07"}) EXPECT_THAT(text, Not(HasSubstr(control)));
}

TEST(Printable, ShowsMarksOfDirectionAndLetsOtherTextBe) {
  EXPECT_EQ(internal::printable("a\u202eb\u2069\u061c\u200f"), "a\\u202eb\\u2069\\u061c\\u200f");
  EXPECT_EQ(internal::printable("Überschrift … — 層 \xE2\x80*"), "Überschrift … — 層 \xE2\x80*");
}

TEST(TerminalReport, NamesTheLinesThatCouldNotBeRead) {
  auto verdict = diverged();
  verdict.port.problems = {{17, "the file ends within this line", "port.jsonl"}};
  verdict.port.problem_count = 3;
  const auto text = terminal_report(verdict, {});
  EXPECT_THAT(text, HasSubstr("port.jsonl:17: the file ends within this line"));
  EXPECT_THAT(text, HasSubstr("port.jsonl: 2 more lines could not be read"));
}

TEST(TerminalReport, ShortensLongNamesAtTheirBeginning) {
  const std::string name(300, 'x');
  const auto text = terminal_report(verdict_of({comparison_of(name + ".to_out", Status::Diverged)}), {false, 40, 100});
  EXPECT_THAT(text, HasSubstr("x.to_out out "));
  EXPECT_THAT(text, HasSubstr("  …xxx"));
}

TEST(TerminalReport, KeepsToANarrowTerminal) {
  auto verdict = diverged();
  verdict.notes = {"a note that goes on and on, as long as there is something that somebody should know of it"};
  for (const std::size_t width : {62U, 70U, 80U, 90U}) {
    std::string_view text;
    const auto report = terminal_report(verdict, {false, 40, width, true});
    for (text = report; !text.empty(); text.remove_prefix(text.find('\n') + 1)) {
      const auto line = text.substr(0, text.find('\n'));
      const auto shown = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
      EXPECT_LE(shown, static_cast<std::ptrdiff_t>(width)) << line;
    }
    EXPECT_THAT(report, HasSubstr("250000×"));
  }
}

TEST(TerminalReport, OfNothingDoesNotPass) {
  EXPECT_THAT(terminal_report(Verdict{}, {}), HasSubstr("nothing was compared"));
  const auto disjoint = verdict_of({comparison_of("a", Status::Missing), comparison_of("b", Status::Extra)});
  EXPECT_THAT(first_line(terminal_report(disjoint, {})), HasSubstr("nothing was compared"));
}

TEST(TerminalReport, OfRecordsWithNothingInCommonDoesNotSayThatOneIsMissing) {
  const auto verdict = verdict_of({comparison_of("a", Status::Within), comparison_of("b", Status::Incomparable)});
  EXPECT_THAT(first_line(terminal_report(verdict, {})), HasSubstr("nothing in common"));
}

TEST(TerminalReport, NamesWhatIsReordered) {
  const auto verdict = verdict_of({comparison_of("a", Status::Within), comparison_of("b.x", Status::Reordered),
                                   comparison_of("b.y", Status::Reordered)});
  EXPECT_THAT(terminal_report(verdict, {}), HasSubstr("b.* reordered in the port (2 records)"));
}

Comparison in_moment(Comparison comparison, std::int64_t step, std::uint64_t call) {
  comparison.key.step = step;
  comparison.key.call = call;
  return comparison;
}

TEST(TerminalReport, SaysInALineThatStepsOrCallsAreMissing) {
  std::vector<Comparison> comparisons;
  for (const auto* module : {"a", "b", "c"}) {
    for (int step = 0; step < 3; ++step) {
      for (std::uint64_t call = 0; call < 2; ++call) {
        const bool is_there = step == 0 && call == 0;
        comparisons.push_back(
            in_moment(comparison_of(module, is_there ? Status::Within : Status::Missing), step, call));
      }
    }
  }
  const auto text = terminal_report(verdict_of(comparisons), {});
  EXPECT_THAT(text, HasSubstr("  steps 1, 2 missing in the port (12 records)\n"
                              "  call 1 missing in the port (3 records)\n"));
  EXPECT_THAT(text, Not(HasSubstr("some of its records")));
}

TEST(TerminalReport, SaysInALineThatARankIsMissing) {
  std::vector<Comparison> comparisons;
  for (const auto* module : {"a", "b"}) {
    for (int rank = 0; rank < 2; ++rank) {
      comparisons.push_back(comparison_of(module, rank == 0 ? Status::Within : Status::Missing));
      comparisons.back().key.rank = rank;
    }
  }
  const auto text = terminal_report(verdict_of(comparisons), {});
  EXPECT_THAT(text, HasSubstr("\nMissing and extra\n  rank 1 missing in the port (2 records)\n\n"));
}

TEST(TerminalReport, PointsToTheMapWhereNamesMayDiffer) {
  const auto missing = comparison_of("blocks.0", Status::Missing), extra = comparison_of("layers.0", Status::Extra);
  EXPECT_THAT(terminal_report(verdict_of({missing, extra}), {}), HasSubstr("fvtrace map"));
  EXPECT_THAT(terminal_report(verdict_of({missing}), {}), Not(HasSubstr("fvtrace map")));
}

TEST(TerminalReport, NamesTheOneModuleThatIsCalledOnceMore) {
  const auto verdict = verdict_of({comparison_of("a", Status::Within), comparison_of("b", Status::Within),
                                   in_moment(comparison_of("b", Status::Extra), 0, 1)});
  EXPECT_THAT(terminal_report(verdict, {}), HasSubstr("b only in the port (some of its records: 1 record)"));
}

TEST(Subtrees, AreTheLargestThatAreWhollyMissing) {
  const auto verdict =
      verdict_of({comparison_of("a.x.p", Status::Missing), comparison_of("a.x.q", Status::Missing),
                  comparison_of("a.y", Status::Within), comparison_of("a.y", Status::Missing, "out[1]"),
                  comparison_of("a.x.new", Status::Extra)});
  const auto missing = internal::subtrees(verdict, Status::Missing);
  ASSERT_EQ(missing.size(), 2U);
  EXPECT_EQ(missing[0].module, "a.x");
  EXPECT_EQ(missing[0].records, 2U);
  EXPECT_TRUE(missing[0].has_children);
  EXPECT_EQ(missing[1].module, "a.y");
  EXPECT_FALSE(missing[1].is_whole);
  const auto extra = internal::subtrees(verdict, Status::Extra);
  ASSERT_EQ(extra.size(), 1U);
  EXPECT_EQ(extra[0].module, "a.x") << "all that the port has there";
}

TEST(JsonReport, IsJsonWithTheKeysThatThePageLists) {
  auto infinite = comparison_of("a", Status::Diverged);
  infinite.error = std::numeric_limits<double>::infinity();
  auto verdict = verdict_of({infinite, comparison_of("b", Status::Within)});
  verdict.introducer = diverged().introducer;
  verdict.diagnosis = {{"constant factor", "", "a", "c = 2"}};
  verdict.error_over_depth = {{"a", {}, 0.5, 1e-6}};
  verdict.notes = {"a \"note\"\n"};
  verdict.port.problems = {{17, "torn", "port.jsonl"}};
  verdict.port.problem_count = 1;
  simdjson::dom::parser parser;
  const auto text = json_of(verdict);
  const simdjson::dom::element json = parser.parse(text);
  EXPECT_EQ(std::int64_t(json["schema"]), 1);
  EXPECT_EQ(bool(json["passed"]), false);
  EXPECT_EQ(std::string_view(json["introducer"]["module"]), "blocks.0.attn1");
  EXPECT_EQ(std::string_view(json["first_diverged"]["status"]), "diverged");
  EXPECT_EQ(std::int64_t(json["counts"]["within"]), 1);
  EXPECT_EQ(std::string_view(json["diagnosis"].at(0)["evidence"]), "c = 2");
  EXPECT_EQ(double(json["curves"]["error_over_depth"].at(0)["error"]), 0.5);
  EXPECT_EQ(std::string_view(json["notes"].at(0)), "a \"note\"\n");
  EXPECT_EQ(std::int64_t(json["port"]["problems"].at(0)["line"]), 17);
  EXPECT_EQ(json["comparisons"].get_array().value().size(), 2U);
  EXPECT_EQ(std::string_view(json["comparisons"].at(0)["error"]), "Infinity");
  EXPECT_TRUE(json["comparisons"].at(0)["rank"].is_null());
  EXPECT_EQ(std::int64_t(json["comparisons"].at(0)["step"]), 0);
}

TEST(JsonReport, OfAPassHasNullForWhatThereIsNot) {
  simdjson::dom::parser parser;
  const auto text = json_of(verdict_of({comparison_of("a", Status::Equal)}));
  const simdjson::dom::element json = parser.parse(text);
  EXPECT_TRUE(json["introducer"].is_null());
  EXPECT_TRUE(json["first_diverged"].is_null());
  EXPECT_TRUE(bool(json["passed"]));
}

}  // namespace
}  // namespace fvhooks
