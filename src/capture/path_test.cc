#include "capture/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "core/testing/temporary_folder.h"

namespace fvhooks {
namespace {

using internal::decoded_module;
using internal::encoded_module;

CaptureKey key_of(std::string root, std::string module, std::optional<std::int64_t> step, std::uint64_t call) {
  return {std::nullopt, std::move(root), std::move(module), step, call, CaptureSide::Output};
}

TEST(CapturePath, ReadsAsTheRecordDoes) {
  EXPECT_EQ(capture_path(key_of("transformer", "blocks.0.attn1.to_q", 3, 1)),
            "transformer/blocks.0.attn1.to_q/step3.call1.out.safetensors");
  auto inputs = key_of("", "", std::nullopt, 0);
  inputs.side = CaptureSide::Inputs;
  EXPECT_EQ(capture_path(inputs), "@unnamed/@root/nostep.call0.in.safetensors");
  EXPECT_EQ(capture_path(key_of("vae", "x", -7, 12)), "vae/x/step-7.call12.out.safetensors");
}

TEST(CapturePath, NamesThatWouldLeaveTheFolderOrHideAreSpelledOut) {
  EXPECT_EQ(encoded_module(".."), "%2E.");
  EXPECT_EQ(encoded_module("."), "%2E");
  EXPECT_EQ(encoded_module(".hidden"), "%2Ehidden");
  EXPECT_EQ(encoded_module("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
  EXPECT_EQ(encoded_module(std::string("a\0b", 3)), "a%00b");
  EXPECT_EQ(encoded_module("@root"), "%40root");
  EXPECT_EQ(encoded_module("a%b~"), "a%25b%7E");
  EXPECT_EQ(encoded_module("größe"), "gr%C3%B6%C3%9Fe");
}

TEST(CapturePath, AnOverlongNameIsCutBetweenTwoBytesAndHashed) {
  const std::string just_fits(128, 'a');
  EXPECT_EQ(encoded_module(just_fits), just_fits);
  const std::string name = std::string(110, 'a') + std::string(100, '/');
  EXPECT_EQ(encoded_module(name).substr(0, 111), std::string(110, 'a') + "~");
  EXPECT_EQ(encoded_module(name).size(), 127U);
  EXPECT_NE(encoded_module(name), encoded_module(name + "b"));
  EXPECT_EQ(decoded_module(encoded_module(name)), std::nullopt);
  // FNV-1a's published value for "foobar"; what is hashed is the name, not its spelling.
  const auto hashed = encoded_module(std::string(129, 'a'));
  EXPECT_EQ(hashed.size(), 128U);
  EXPECT_EQ(hashed[111], '~');
}

RC_GTEST_PROP(CapturePath, IsAPlainPathOfThreeParts, (const std::string& root, const std::string& module)) {
  const auto path = capture_path(key_of(root, module, *rc::gen::arbitrary<std::int64_t>(), 1));
  RC_ASSERT(std::ranges::count(path, '/') == 2);
  RC_ASSERT(path == std::filesystem::path(path).lexically_normal());
  for (const auto& part : std::filesystem::path(path)) RC_ASSERT(part.string().size() <= 128U);
}

RC_GTEST_PROP(CapturePath, NamesAreReadBack, ()) {
  const auto name = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  if (const auto decoded = decoded_module(encoded_module(name))) RC_ASSERT(*decoded == name);
  if (name.size() <= 42) RC_ASSERT(decoded_module(encoded_module(name)) == name);
}

RC_GTEST_PROP(CapturePath, OnlyWhatIsSoEncodedIsDecoded, (const std::string& part)) {
  if (const auto decoded = decoded_module(part)) RC_ASSERT(encoded_module(*decoded) == part);
}

RC_GTEST_PROP(CapturePath, FileNamesAreReadBack,
              (bool has_step, std::int64_t step, std::uint64_t call, bool is_input)) {
  CaptureKey key{std::nullopt, "",
                 "",           has_step ? std::optional(step) : std::nullopt,
                 call,         is_input ? CaptureSide::Inputs : CaptureSide::Output};
  RC_ASSERT(internal::parsed_file_name(internal::file_name(key)) == key);
}

TEST(CapturePath, OtherFileNamesAreNone) {
  for (const auto* const name :
       {"", "step3.call1.out", "step3.call1.safetensors", "step03.call1.out.safetensors", "step.call1.out.safetensors",
        "step3.call-1.out.safetensors", "step3.call1.side.safetensors", "step3.call1.out.safetensors.17.0.tmp",
        "step99999999999999999999.call1.out.safetensors", "model.safetensors"})
    EXPECT_EQ(internal::parsed_file_name(name), std::nullopt) << name;
}

TEST(CapturePath, ARunFolderSaysTimeRunAndRank) {
  const internal::RunFolder alone{"20261125T001500.123456Z", "9f3c01aa", std::nullopt};
  const internal::RunFolder ranked{"20261125T001500.123456Z", "9f3c01aa", 3};
  EXPECT_EQ(internal::run_folder_name(alone), "20261125T001500.123456Z-9f3c01aa");
  EXPECT_EQ(internal::run_folder_name(ranked), "20261125T001500.123456Z-9f3c01aa-rank3");
  for (const auto& folder : {alone, ranked})
    EXPECT_EQ(internal::parsed_run_folder_name(internal::run_folder_name(folder)), folder);
  for (const auto* const name : {"", "9f3c01aa", "20261125T001500.123456Z", "20261125T001500.123456Z-9f3c01a",
                                 "20261125T001500.123456Z-9F3C01AA", "20261125T001500.123456Z-9f3c01aa-rank",
                                 "20261125T001500.123456Z-9f3c01aa-rank3x", "2026-11-25T001500.1234Z-9f3c01aa"})
    EXPECT_EQ(internal::parsed_run_folder_name(name), std::nullopt) << name;
}

TEST(CapturePath, TheTimeNowIsATimeOfARunFolder) {
  const auto now = internal::utc_now();
  EXPECT_TRUE(internal::parsed_run_folder_name(now + "-00000000")) << now;
  EXPECT_LE(now, internal::utc_now());
}

}  // namespace
}  // namespace fvhooks
