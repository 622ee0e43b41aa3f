#pragma once
// RFC 4648 base64, with padding.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace fvhooks::internal {

inline constexpr std::string_view kBase64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::size_t base64_length(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// Whether `text` stands for `count` bytes.
bool is_base64(std::string_view text, std::size_t count) noexcept;
// False, with some of them written, if it does not.
bool decode_base64(std::string_view text, std::span<std::uint8_t> bytes) noexcept;

}  // namespace fvhooks::internal
