#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "fvhooks/trace_reader.h"

namespace fvhooks {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "rank2" before "rank10".
bool comes_before(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const auto end_a = std::min(a.find_first_not_of("0123456789"), a.size());
      const auto end_b = std::min(b.find_first_not_of("0123456789"), b.size());
      if (end_a != end_b) return end_a < end_b;
      const auto order = a.substr(0, end_a).compare(b.substr(0, end_b));
      if (order != 0) return order < 0;
      a.remove_prefix(end_a);
      b.remove_prefix(end_b);
      continue;
    }
    if (a[0] != b[0]) return a[0] < b[0];
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return a.size() < b.size();
}

std::vector<std::string> in_order(std::vector<std::string> files) {
  std::sort(files.begin(), files.end(), comes_before);
  return files;
}

std::vector<std::string> traces_in_folder(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const auto name = entry.path().filename().string();
    const bool is_trace = name.ends_with(".jsonl") || name.ends_with(".jsonl.zst");
    if (is_trace && entry.is_regular_file(failed)) files.push_back(entry.path().string());
  }
  return in_order(std::move(files));
}

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return in_order(std::move(files));
}

std::vector<std::string> ranks(const std::string& path, std::size_t place, std::size_t length) {
  std::vector<std::string> files;
  std::error_code failed;
  for (auto file = path;; files.push_back(file)) {
    file = path;
    file.replace(place, length, std::to_string(files.size()));
    if (!fs::exists(file, failed)) return files;
  }
}

}  // namespace

Expected<std::vector<std::string>> trace_files(const std::string& path) {
  constexpr std::string_view kRank = "<rank>";
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    auto files = traces_in_folder(path);
    if (files.empty()) return Error{"the folder " + path + " holds no trace (*.jsonl, *.jsonl.zst)"};
    return files;
  }
  if (path == "-" || fs::exists(path, failed)) return std::vector{path};
  if (const auto place = path.find(kRank); place != std::string::npos) {
    auto files = ranks(path, place, kRank.size());
    if (files.empty()) return Error{"there is no file " + path + " for rank 0"};
    return files;
  }
  if (path.find_first_of("*?[") != std::string::npos) {
    auto files = matches(path);
    if (files.empty()) return Error{"no file matches " + path};
    return files;
  }
  return std::vector{path};  // opening it says why not
}

}  // namespace fvhooks
