#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

#include "core/replacement.h"
#include "fvhooks/report.h"
#include "report/html_data.h"
#include "report/html_page.h"
#include "trace/base64.h"

namespace fvhooks {
namespace {

using internal::HtmlColumn;
using internal::Replacement;

static_assert(std::endian::native == std::endian::little, "typed arrays in the page are little-endian");

std::string base64(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  std::string text;
  text.reserve(internal::base64_length(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) text += internal::kBase64Alphabet[group >> shift & 63];
  }
  const auto padding = (3 - bytes.size() % 3) % 3;
  std::fill(text.end() - static_cast<std::ptrdiff_t>(padding), text.end(), '=');
  return text;
}

// A piece at a time: the text of a column is never in memory as a whole. Pieces are of whole groups of three bytes.
template <class To, class From>
bool write_array(Replacement& file, const std::vector<From>& values) {
  constexpr std::size_t kPiece = std::size_t{3} << 14;
  for (std::size_t start = 0; start < values.size(); start += kPiece) {
    const auto count = std::min(kPiece, values.size() - start);
    std::string bytes(count * sizeof(To), '\0');
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<To>(values[start + i]);
      std::memcpy(bytes.data() + i * sizeof(To), &value, sizeof(To));
    }
    if (!file.write(base64(bytes))) return false;
  }
  return true;
}

bool write_column(Replacement& file, const HtmlColumn& column) {
  const auto write = [&]<class To>(const char* type, To, const auto& values) {
    return file.write("<script type=\"text/plain\" data-column=\"" + column.name + "\" data-type=\"" + type + "\">") &&
           write_array<To>(file, values) && file.write("</script>\n");
  };
  if (const auto* floats = std::get_if<std::vector<float>>(&column.values)) return write("f32", float{}, *floats);
  if (const auto* doubles = std::get_if<std::vector<double>>(&column.values)) return write("f64", double{}, *doubles);
  const auto& numbers = std::get<std::vector<std::uint64_t>>(column.values);
  const auto largest = numbers.empty() ? 0 : *std::ranges::max_element(numbers);
  if (largest <= std::numeric_limits<std::uint8_t>::max()) return write("u8", std::uint8_t{}, numbers);
  if (largest <= std::numeric_limits<std::uint16_t>::max()) return write("u16", std::uint16_t{}, numbers);
  if (largest <= std::numeric_limits<std::uint32_t>::max()) return write("u32", std::uint32_t{}, numbers);
  return write("f64", double{}, numbers);
}

bool write_page(Replacement& file, const internal::HtmlData& data) {
  bool complete = file.is_open() && file.write(internal::page_before_data()) &&
                  file.write("<script type=\"application/json\" id=\"data\">") && file.write(data.json) &&
                  file.write("</script>\n");
  for (const auto& column : data.columns) complete = complete && write_column(file, column);
  return complete && file.write(internal::page_after_data());
}

Error cannot_write(const std::string& path, const std::string& why) {
  return Error{"cannot write report '" + path + "': " + why};
}

std::string last_error() { return std::generic_category().message(errno); }

}  // namespace

Expected<std::monostate> check_html_path(const std::string& path) {
  // A device or a pipe would be replaced by a file.
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return cannot_write(path, "it is there and no regular file");
  }
  if (!Replacement(path).is_open()) return cannot_write(path, last_error());
  return std::monostate{};
}

Expected<std::monostate> write_html_report(const Verdict& verdict, const std::string& path,
                                           const HtmlOptions& options) {
  if (auto checked = check_html_path(path); !checked) return checked;
  Replacement file(path);
  if (!file.is_open() || !write_page(file, internal::html_data(verdict, options)) || !file.commit()) {
    return cannot_write(path, last_error());
  }
  return std::monostate{};
}

}  // namespace fvhooks
