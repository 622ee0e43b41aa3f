#include "diff/diagnosis.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "diff/diagnosis_values.h"
#include "diff/testing/toy_transformer.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using testing::random_values;
using testing::record_of;
using testing::traced;
using testing::TracedRun;
using testing::Values;

using Change = std::function<Values(Values)>;

Values same(Values values) { return values; }

// Two steps of two calls; `query` and `key` project the same input.
SharedTrace run_with(const Change& query, const Change& key, std::int64_t stale_steps = 0) {
  TracedRun run;
  for (std::int64_t step = 0; step < 2; ++step) {
    run.step = step;
    for (const unsigned call : {0U, 1U}) {
      const auto source = 10 * static_cast<unsigned>(std::max<std::int64_t>(step - stale_steps, 0)) + call;
      const auto input = random_values(source);
      const auto root = run.enter("", {input});
      auto other = random_values(source + 100);
      run.leaf("query", {input}, query(input));
      run.leaf("key", {input}, key(std::move(other)));
      run.leave(root, input);
    }
  }
  return run.trace();
}

std::vector<Finding> findings_on(const Change& change) {
  return judge(run_with(same, same), run_with(change, same), {}).diagnosis;
}

std::string kind_of(const std::vector<Finding>& findings) { return findings.empty() ? "" : findings[0].kind; }
std::string kind_on(const Change& change) { return kind_of(findings_on(change)); }

TEST(Diagnosis, OfTheSameValuesInAnotherOrderIsPermuted) {
  const auto findings = findings_on([](Values values) {
    std::reverse(values.begin(), values.end());
    return values;
  });
  ASSERT_EQ(kind_of(findings), "permuted");
  EXPECT_EQ(findings[0].module, "query");
  EXPECT_NE(findings[0].evidence.find("same values in another order"), std::string::npos);
}

TEST(Diagnosis, OfAConstantFactorIsScaledAndNamesAReversedSign) {
  const auto findings = findings_on([](Values values) {
    for (auto& value : values) value = -value;
    return values;
  });
  ASSERT_EQ(kind_of(findings), "scaled");
  EXPECT_NE(findings[0].evidence.find("the sign is reversed"), std::string::npos);
}

TEST(Diagnosis, OfAFactorOfOneOverARootSaysSo) {
  const auto findings = findings_on([](Values values) {
    for (auto& value : values) value /= std::sqrt(512.0F);
    return values;
  });
  ASSERT_EQ(kind_of(findings), "scaled");
  EXPECT_NE(findings[0].evidence.find("1/sqrt(512)"), std::string::npos);
}

TEST(Diagnosis, OfAConstantAddedIsShifted) {
  EXPECT_EQ(kind_on([](Values values) {
              for (auto& value : values) value += 0.25F;
              return values;
            }),
            "shifted");
}

TEST(Diagnosis, OfANaNIsNonFinite) {
  const auto findings = findings_on([](Values values) {
    values[3] = std::numeric_limits<float>::quiet_NaN();
    return values;
  });
  ASSERT_EQ(kind_of(findings), "non-finite");
  EXPECT_NE(findings[0].evidence.find("1 NaN elements in the port"), std::string::npos);
}

TEST(Diagnosis, OfRoundedValuesIsNarrower) {
  EXPECT_EQ(kind_on([](Values values) {
              for (auto& value : values) {
                int exponent = 0;
                const float fraction = std::frexp(value, &exponent);
                value = std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
              }
              return values;
            }),
            "narrower");
}

TEST(Diagnosis, OfTheStepBeforeIsOffByOne) {
  const auto findings = judge(run_with(same, same), run_with(same, same, 1), {}).diagnosis;
  ASSERT_EQ(kind_of(findings), "off-by-one");
  EXPECT_NE(findings[0].evidence.find("step 0"), std::string::npos);
}

TEST(Diagnosis, OfTwoModulesThatHaveEachOthersValuesIsSwapped) {
  TracedRun reference, port;
  for (auto* run : {&reference, &port}) {
    const auto input = random_values(1), query = random_values(2), key = random_values(3);
    const bool is_port = run == &port;
    run->leaf("query", {input}, is_port ? key : query);
    run->leaf("key", {input}, is_port ? query : key);
  }
  const auto findings = judge(reference.trace(), port.trace(), {}).diagnosis;
  ASSERT_EQ(kind_of(findings), "swapped");
  EXPECT_NE(findings[0].evidence.find("of key"), std::string::npos);
}

TEST(Diagnosis, OfTheSameValuesInATransposedShapeIsTransposed) {
  const auto values = random_values(1, 24);
  const auto shaped = [&](std::vector<std::int64_t> shape) {
    auto record = record_of("m", "out", values);
    for (auto& [name, value] : record.stats) {
      if (name == "shape") value = shape;
    }
    return record;
  };
  EXPECT_TRUE(transposed_evidence(shaped({4, 6}), shaped({6, 4}), 1e-6));
  EXPECT_FALSE(transposed_evidence(shaped({4, 6}), shaped({24, 1}), 1e-6));
  EXPECT_FALSE(transposed_evidence(shaped({4, 6}), shaped({4, 6}), 1e-6));
}

TEST(Diagnosis, IsSilentWhereOneValueOfManyIsWrong) {
  EXPECT_EQ(kind_on([](Values values) {
              values[3] += 9;
              return values;
            }),
            "");
}

TEST(Diagnosis, IsSilentOfASingleNumberThatIsAMultipleOfAnother) {
  TracedRun reference, port;
  reference.leaf("time", {}, {666.5F});
  port.leaf("time", {}, {333.1F});
  EXPECT_EQ(kind_of(judge(reference.trace(), port.trace(), {}).diagnosis), "");
}

TEST(Diagnosis, OfASingleNumberIsScaledIfItIsByTheSameFactorInEachStep) {
  TracedRun reference, port;
  for (const std::int64_t step : {0, 1}) {
    reference.step = port.step = step;
    const auto time = static_cast<float>(1000 - 300 * step);
    reference.leaf("time", {}, {time});
    port.leaf("time", {}, {time / 1000});
  }
  EXPECT_EQ(kind_of(judge(reference.trace(), port.trace(), {}).diagnosis), "scaled");
}

RC_GTEST_PROP(Diagnosis, IsSilentOfUnrelatedValues, ()) {
  const auto seed = *rc::gen::inRange(1000U, 1'000'000U);
  RC_ASSERT(kind_on([&](const Values&) { return random_values(seed); }).empty());
}

TEST(Diagnosis, OfACleanPortIsNone) {
  EXPECT_TRUE(judge(traced(Bug::None).trace(), traced(Bug::None, 1e-7F).trace(), {}).diagnosis.empty());
}

}  // namespace
}  // namespace fvhooks::internal
