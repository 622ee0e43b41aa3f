#include "config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fvhooks/expected.h"

namespace wan {
namespace {

WanConfig config_from(const std::string& json) {
  const auto path = std::filesystem::path(testing::TempDir()) / "wan_config_test.json";
  std::ofstream(path) << json;
  return read_config(path.string());
}

std::string refusal_of(const std::string& json) {
  try {
    config_from(json);
    return "accepted";
  } catch (const fvhooks::Exception& error) {
    return error.what();
  }
}

TEST(WanConfig, ReadsWhatDiffusersWrites) {
  const auto config = config_from(R"({"_class_name":"WanTransformer3DModel","patch_size":[1,4,2],"num_layers":30,
      "num_attention_heads":12,"attention_head_dim":128,"image_dim":null,"cross_attn_norm":false,"eps":1e-05})");
  EXPECT_EQ(config.inner_dim(), 1536);
  EXPECT_EQ(config.num_layers, 30);
  EXPECT_THAT(config.patch_size, testing::ElementsAre(1, 4, 2));
  EXPECT_FALSE(config.cross_attn_norm);
  EXPECT_EQ(config.eps, 1e-5);
  EXPECT_EQ(config.text_dim, 4096) << "an absent key keeps the reference's default";
}

TEST(WanConfig, OutChannelsAreInChannelsIfNull) {
  EXPECT_EQ(config_from(R"({"in_channels":8,"out_channels":null})").out_channels, 8);
}

TEST(WanConfig, RefusesWhatIsNotPortedOrMakesNoModel) {
  EXPECT_THAT(refusal_of(R"({"image_dim":1280})"), testing::HasSubstr("image-to-video"));
  EXPECT_THAT(refusal_of(R"({"num_layers":-1})"), testing::HasSubstr("num_layers = -1 is not from 1"));
  EXPECT_THAT(refusal_of(R"({"patch_size":[1,2]})"), testing::HasSubstr("not a list of 3"));
  EXPECT_THAT(refusal_of(R"({"attention_head_dim":5})"), testing::HasSubstr("odd"));
  EXPECT_THAT(refusal_of(R"({"eps":"small"})"), testing::HasSubstr("eps is of another type"));
  EXPECT_THAT(refusal_of("{"), testing::HasSubstr("wan_config_test.json: "));
}

}  // namespace
}  // namespace wan
