#include "regex/python_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace fvhooks::internal {
namespace {

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

// A module's name takes microseconds; these limits are reached in well under a second.
constexpr std::uint32_t kMatchLimit = 1'000'000;
constexpr std::uint32_t kDepthLimit = 100'000;

}  // namespace

struct PythonRegex::Code {
  Owned<pcre2_code> code;
  Owned<pcre2_match_context> limits;

  // Null: no match.
  Expected<Owned<pcre2_match_data>> match(std::string_view subject, std::uint32_t options) const {
    Owned<pcre2_match_data> data(pcre2_match_data_create_from_pattern(code.get(), nullptr));
    const int result = pcre2_match(code.get(), bytes(subject), subject.size(), 0, options, data.get(), limits.get());
    if (result == PCRE2_ERROR_NOMATCH) return Owned<pcre2_match_data>();
    if (result < 0) return Error{message_of(result) + " while searching \"" + std::string(subject) + "\""};
    return data;
  }
};

PythonRegex::PythonRegex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
PythonRegex::PythonRegex(PythonRegex&&) noexcept = default;
PythonRegex& PythonRegex::operator=(PythonRegex&&) noexcept = default;
PythonRegex::~PythonRegex() = default;

Expected<PythonRegex> PythonRegex::compile(std::string_view pattern) {
  auto translated = translate_python_pattern(pattern);
  if (!translated) return translated.error();
  const Owned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const std::uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                                (translated->ascii ? 0U : std::uint32_t{PCRE2_UCP});
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_unique<Code>();
  code->code.reset(
      pcre2_compile(bytes(translated->pattern), translated->pattern.size(), options, &error, &offset, context.get()));
  if (!code->code) {
    // The offset is into the translation; where they part it is only near.
    return Error{message_of(error) + " at byte " + std::to_string(std::min(offset, pattern.size()))};
  }
  code->limits.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(code->limits.get(), kMatchLimit);
  pcre2_set_depth_limit(code->limits.get(), kDepthLimit);
  return PythonRegex(std::move(code));
}

Expected<bool> PythonRegex::search(std::string_view subject) const {
  const auto data = code_->match(subject, 0);
  if (!data) return data.error();
  return *data != nullptr;
}

Expected<std::vector<std::string>> PythonRegex::full_match(std::string_view subject) const {
  const auto data = code_->match(subject, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
  if (!data) return data.error();
  std::vector<std::string> groups;
  if (*data == nullptr) return groups;
  const auto* const offsets = pcre2_get_ovector_pointer(data->get());
  for (std::size_t group = 0; group <= group_count(); ++group) {
    const auto begin = offsets[2 * group], end = offsets[2 * group + 1];
    // A lookahead with \K can end before it begins.
    const bool took_part = begin != PCRE2_UNSET && begin <= end;
    groups.emplace_back(took_part ? subject.substr(begin, end - begin) : std::string_view());
  }
  return groups;
}

std::size_t PythonRegex::group_count() const noexcept {
  std::uint32_t count = 0;
  pcre2_pattern_info(code_->code.get(), PCRE2_INFO_CAPTURECOUNT, &count);
  return count;
}

std::optional<std::size_t> PythonRegex::group_named(const std::string& name) const noexcept {
  const int number = pcre2_substring_number_from_name(code_->code.get(), reinterpret_cast<PCRE2_SPTR>(name.c_str()));
  return number > 0 ? std::optional(static_cast<std::size_t>(number)) : std::nullopt;
}

}  // namespace fvhooks::internal
