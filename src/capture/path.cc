#include "capture/path.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "capture/metadata.h"

namespace fvhooks {
namespace internal {
namespace {

constexpr std::size_t kLongestPart = 128;  // the least that a file system allows is 143 (eCryptfs)
constexpr std::string_view kUnnamedRoot = "@unnamed", kRootModule = "@root";  // no encoded name has an @
constexpr std::string_view kStep = "step", kNoStep = "nostep", kCall = "call";
constexpr std::string_view kTimeFormat =
    "dddddddd"
    "T"
    "dddddd.dddddd"
    "Z";  // d: a digit

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool stands_for_itself(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

std::string encoded_byte(char c) {
  constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<std::uint8_t>(c);
  return {'%', kHex[byte >> 4], kHex[byte & 15]};
}

std::string hash_of(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

// The value of two upper-case hexadecimal digits.
std::optional<char> byte_of(std::string_view digits) {
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); };
  if (digits.size() != 2 || !std::ranges::all_of(digits, is_hex)) return std::nullopt;
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + 2, value, 16);
  return static_cast<char>(value);
}

bool remove_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Takes a number off the front, spelt as std::to_string would.
template <class Integer>
std::optional<Integer> take_number(std::string_view& text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || text.substr(0, length) != std::to_string(value)) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

bool is_time(std::string_view text) {
  return text.size() == kTimeFormat.size() && std::ranges::equal(text, kTimeFormat, [](char c, char format) {
           return format == 'd' ? is_digit(c) : c == format;
         });
}

}  // namespace

std::string encoded_name(std::string_view name, std::string_view spelling_if_empty) {
  if (name.empty()) return std::string(spelling_if_empty);
  constexpr std::size_t kHash = 17;  // with its ~
  std::string encoded;
  std::size_t cut = 0;
  for (std::size_t i = 0; i < name.size() && encoded.size() <= kLongestPart; ++i) {
    if (encoded.size() <= kLongestPart - kHash) cut = encoded.size();
    if (stands_for_itself(name[i]) || (name[i] == '.' && i > 0)) {
      encoded += name[i];
    } else {
      encoded += encoded_byte(name[i]);
    }
  }
  if (encoded.size() <= kLongestPart) return encoded;
  return encoded.substr(0, cut) + '~' + hash_of(name);
}

std::optional<std::string> decoded_name(std::string_view part, std::string_view spelling_if_empty) {
  if (part == spelling_if_empty) return std::string();
  std::string name;
  for (auto rest = part; !rest.empty();) {
    const auto coded = rest[0] == '%' ? byte_of(rest.substr(1, 2)) : std::optional<char>(rest[0]);
    if (!coded) return std::nullopt;
    name += *coded;
    rest.remove_prefix(rest[0] == '%' ? 3 : 1);
  }
  if (encoded_name(name, spelling_if_empty) != part) return std::nullopt;
  return name;
}

std::string encoded_root(std::string_view root) { return encoded_name(root, kUnnamedRoot); }
std::string encoded_module(std::string_view module) { return encoded_name(module, kRootModule); }
std::optional<std::string> decoded_root(std::string_view part) { return decoded_name(part, kUnnamedRoot); }
std::optional<std::string> decoded_module(std::string_view part) { return decoded_name(part, kRootModule); }

std::string file_name(const CaptureKey& key) {
  std::string name = key.step ? std::string(kStep) + std::to_string(*key.step) : std::string(kNoStep);
  name.append(".").append(kCall).append(std::to_string(key.call));
  name.append(".").append(capture_side_name(key.side)).append(kCaptureSuffix);
  return name;
}

std::optional<CaptureKey> parsed_file_name(std::string_view name) {
  CaptureKey key;
  if (!remove_prefix(name, kNoStep)) {
    if (!remove_prefix(name, kStep)) return std::nullopt;
    key.step = take_number<std::int64_t>(name);
    if (!key.step) return std::nullopt;
  }
  if (!remove_prefix(name, ".") || !remove_prefix(name, kCall)) return std::nullopt;
  const auto call = take_number<std::uint64_t>(name);
  if (!call || !remove_prefix(name, ".") || !name.ends_with(kCaptureSuffix)) return std::nullopt;
  name.remove_suffix(kCaptureSuffix.size());
  const auto side = capture_side_named(name);
  if (!side) return std::nullopt;
  key.call = *call;
  key.side = *side;
  return key;
}

std::string run_folder_name(const RunFolder& folder) {
  auto name = folder.time + "-" + folder.run;
  if (folder.rank) name += "-rank" + std::to_string(*folder.rank);
  return name;
}

std::optional<RunFolder> parsed_run_folder_name(std::string_view name) {
  constexpr std::size_t kRunDigits = 8;
  RunFolder folder;
  folder.time = name.substr(0, kTimeFormat.size());
  if (!is_time(folder.time)) return std::nullopt;
  name.remove_prefix(kTimeFormat.size());
  if (!remove_prefix(name, "-") || name.size() < kRunDigits) return std::nullopt;
  folder.run = name.substr(0, kRunDigits);
  if (folder.run.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  name.remove_prefix(kRunDigits);
  if (name.empty()) return folder;
  if (!remove_prefix(name, "-rank")) return std::nullopt;
  folder.rank = take_number<std::int64_t>(name);
  if (!folder.rank || !name.empty()) return std::nullopt;
  return folder;
}

std::string utc_now() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto since_epoch = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  ::gmtime_r(&since_epoch, &utc);
  char text[32];
  const auto length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &utc);
  std::snprintf(text + length, sizeof text - length, ".%06dZ", static_cast<int>((now - seconds).count()));
  return text;
}

}  // namespace internal

std::string capture_path(const CaptureKey& key) {
  return internal::encoded_root(key.root) + "/" + internal::encoded_module(key.module) + "/" + internal::file_name(key);
}

}  // namespace fvhooks
