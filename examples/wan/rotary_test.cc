#include "rotary.h"

#include <gtest/gtest.h>

#include "attention.h"

namespace wan {
namespace {

struct Processor : WanAttnProcessor {
  using WanAttnProcessor::apply_rotary_emb;
};

TEST(Rotary, TurnsEachPairByPositionTimesItsFrequency) {
  const auto [cos, sin] = get_1d_rotary_pos_embed(/*dim=*/4, /*length=*/10, /*theta=*/10000.0);
  const auto x = torch::randn({1, 10, 1, 4});
  const auto turned = Processor().apply_rotary_emb(x, {cos.view({1, 10, 1, 4}), sin.view({1, 10, 1, 4})});
  for (std::int64_t position = 0; position < 10; ++position)
    for (std::int64_t pair = 0; pair < 2; ++pair) {
      const double angle = static_cast<double>(position) * std::pow(10000.0, -static_cast<double>(pair) / 2);
      const auto a = x[0][position][0][2 * pair].item<double>(), b = x[0][position][0][2 * pair + 1].item<double>();
      EXPECT_NEAR(turned[0][position][0][2 * pair].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-6);
      EXPECT_NEAR(turned[0][position][0][2 * pair + 1].item<double>(), a * std::sin(angle) + b * std::cos(angle), 1e-6);
    }
}

TEST(Rotary, AHeadIsDividedAmongFramesHeightAndWidth) {
  WanRotaryPosEmbed rope(/*attention_head_dim=*/128, std::array<std::int64_t, 3>{1, 2, 2}, /*max_seq_len=*/64);
  const auto [cos, sin] = rope(torch::zeros({1, 16, 3, 4, 6}));  // 3 × 2 × 3 tokens
  EXPECT_EQ(cos.sizes(), (std::vector<std::int64_t>{1, 18, 1, 128}));
  const auto [cos_f, sin_f] = get_1d_rotary_pos_embed(44, 64, 10000.0);
  const auto [cos_w, sin_w] = get_1d_rotary_pos_embed(42, 64, 10000.0);
  const auto last = sin[0][17][0];  // frame 2, row 1, column 2
  EXPECT_TRUE(torch::equal(last.slice(0, 0, 44), sin_f[2]));
  EXPECT_TRUE(torch::equal(last.slice(0, 44, 86), sin_w[1]));
  EXPECT_TRUE(torch::equal(last.slice(0, 86, 128), sin_w[2]));
}

}  // namespace
}  // namespace wan
