#include "fvhooks/jsonl_sink.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/at_exit.h"
#include "core/counted.h"
#include "core/fork_safe_mutex.h"
#include "fvhooks/warning.h"
#include "trace/append_file.h"

namespace fvhooks {
namespace {

using internal::AppendFile;
using internal::ForkSafeMutex;

constexpr std::string_view kPid = "<pid>";

std::string with_pid(std::string path) {
  const auto pid = std::to_string(::getpid());
  for (auto at = path.find(kPid); at != std::string::npos; at = path.find(kPid, at + pid.size())) {
    path.replace(at, kPid.size(), pid);
  }
  return path;
}

// behind_newline: the text begins with the newline that ends somebody's torn line.
std::size_t whole_lines(std::string_view text, bool behind_newline) {
  const auto newlines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  return newlines - (behind_newline && newlines > 0 ? 1 : 0);
}

}  // namespace

// Warnings are handed out after the lock is given back: a handler may take its time, trace or fork.
struct JsonlSink::State {
  State(std::string path_pattern, std::size_t lines_held_back)
      : pattern(std::move(path_pattern)), batch(lines_held_back) {}

  // `make` appends one line to the string that it is given.
  template <class Make>
  bool take(Make make) noexcept;
  void flush() noexcept;
  void drop(std::string_view why) noexcept;
  void close(bool for_good) noexcept;

  const std::string pattern;  // with <pid>
  std::atomic<std::uint64_t> written{0}, dropped{0};

  ForkSafeMutex mutex;  // guards what follows
  std::size_t batch;
  AppendFile file;
  std::string path;
  // A newline to begin with after a failure, then the lines not written yet.
  std::string pending = "\n";
  std::size_t pending_lines = 0;
  bool torn = false;       // the file may end within a line
  std::uint64_t told = 0;  // of the lost ones, how many have been warned of
  bool closed = false;
  std::string last_trouble;
  std::uint32_t generation = internal::fork_generation();

  // The caller holds the lock.
  void become_child();
  template <class Make>
  bool append_pending(Make make) noexcept;
  // What is in the way of writing, else nothing.
  std::string prepare();
  std::string open_file();
  // The warning that is due, mostly none.
  std::string write_pending();
  std::string lose(std::uint64_t records, std::string_view why);
  std::string tell_losses();
};

namespace {

void warn_if_any(const std::string& message) noexcept {
  if (!message.empty()) warn(message);
}

}  // namespace

std::string JsonlSink::State::open_file() {
  path = with_pid(pattern);
  auto opened = AppendFile::open(path);
  if (!opened) return opened.error().message;
  file = *std::move(opened);
  torn = file.ends_torn();
  return {};
}

// What the parent held back is the parent's to write; its losses are the parent's to tell.
void JsonlSink::State::become_child() {
  generation = internal::fork_generation();
  pending.resize(1);
  pending_lines = 0;
  written = 0;
  dropped = 0;
  told = 0;
  if (pattern.find(kPid) == std::string::npos) return;
  path = with_pid(pattern);
  file = AppendFile();
}

std::string JsonlSink::State::lose(std::uint64_t records, std::string_view why) {
  dropped += records;
  last_trouble = why;
  return told == 0 ? tell_losses() : std::string();
}

std::string JsonlSink::State::tell_losses() {
  told = dropped;
  return internal::counted(told, "trace record") + " of '" + path +
         "' could not be written, the traced program goes on: " + last_trouble;
}

std::string JsonlSink::State::write_pending() {
  if (pending_lines == 0) return {};
  const std::string_view bytes = std::string_view(pending).substr(torn ? 0 : 1);
  const auto outcome = file.append(bytes);
  const bool failed = outcome.bytes < bytes.size();
  const auto lines = std::exchange(pending_lines, 0);
  const auto kept = failed ? std::min(whole_lines(bytes.substr(0, outcome.bytes), torn), lines) : lines;
  // After a failure of any kind: another process may have left half a line meanwhile.
  torn = failed;
  pending.resize(1);
  written += kept;
  return failed ? lose(lines - kept, std::generic_category().message(outcome.error)) : std::string();
}

std::string JsonlSink::State::prepare() {
  if (generation != internal::fork_generation()) become_child();
  if (closed) return "it is closed";
  return file.is_open() ? std::string() : open_file();
}

template <class Make>
bool JsonlSink::State::take(Make make) noexcept {
  std::string warning;
  bool taken = false;
  try {
    const std::lock_guard lock(mutex);
    if (const auto obstacle = prepare(); !obstacle.empty()) {
      warning = lose(1, obstacle);
    } else if (!append_pending(make)) {
      warning = lose(1, "out of memory");
    } else {
      const auto lost_before = dropped.load();
      if (pending_lines >= batch) warning = write_pending();
      taken = dropped == lost_before;
    }
  } catch (...) {  // The texts of warnings need memory too.
  }
  warn_if_any(warning);
  return taken;
}

template <class Make>
bool JsonlSink::State::append_pending(Make make) noexcept {
  const auto before = pending.size();
  try {
    make(pending);
  } catch (...) {
    pending.resize(before);
    return false;
  }
  ++pending_lines;
  return true;
}

void JsonlSink::State::flush() noexcept {
  std::string warning;
  try {
    const std::lock_guard lock(mutex);
    if (generation != internal::fork_generation()) become_child();
    warning = write_pending();
  } catch (...) {
  }
  warn_if_any(warning);
}

void JsonlSink::State::drop(std::string_view why) noexcept {
  std::string warning;
  try {
    const std::lock_guard lock(mutex);
    if (generation != internal::fork_generation()) become_child();
    warning = lose(1, why);
  } catch (...) {
  }
  warn_if_any(warning);
}

void JsonlSink::State::close(bool for_good) noexcept {
  flush();
  std::string summary;
  try {
    const std::lock_guard lock(mutex);
    batch = 0;
    if (for_good) {
      closed = true;
      file = AppendFile();
    }
    if (dropped > told) summary = tell_losses();
  } catch (...) {
  }
  warn_if_any(summary);
}

Expected<std::unique_ptr<JsonlSink>> JsonlSink::open(std::string path, std::size_t batch) {
  auto state = std::make_shared<State>(std::move(path), batch);
  if (auto failure = state->open_file(); !failure.empty()) return Error{std::move(failure)};
  internal::at_exit(state, [](void* sink) { static_cast<State*>(sink)->close(false); });
  return std::unique_ptr<JsonlSink>(new JsonlSink(std::move(state)));
}

JsonlSink::JsonlSink(std::shared_ptr<State> state) : state_(std::move(state)) {}
JsonlSink::~JsonlSink() { close(); }

bool JsonlSink::write(const Record& record) noexcept {
  return state_->take([&](std::string& out) { append_json(out, record); });
}

bool JsonlSink::write_line(std::string_view line) noexcept {
  return state_->take([&](std::string& out) { out += line; });
}

void JsonlSink::drop(std::string_view why) noexcept { state_->drop(why); }
void JsonlSink::flush() noexcept { state_->flush(); }
void JsonlSink::close() noexcept { state_->close(true); }
std::string JsonlSink::path() const { return with_pid(state_->pattern); }
std::uint64_t JsonlSink::written() const noexcept { return state_->written; }
std::uint64_t JsonlSink::dropped() const noexcept { return state_->dropped; }

}  // namespace fvhooks
