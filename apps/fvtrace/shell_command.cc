#include "shell_command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>
#include <string_view>
#include <thread>

#include "core/descriptor.h"

namespace fvtrace {
namespace {

using fvhooks::internal::Descriptor;

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t interrupted = 0;
std::array<struct sigaction, kSignals.size()> actions_before;

// The environment of this program without its own settings of a trace, and those of `added`.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  std::vector<std::string> variables;
  for (char** variable = ::environ; *variable; ++variable)
    if (!std::string_view(*variable).starts_with("FASTVIDEO_TRACE_")) variables.emplace_back(*variable);
  for (const auto& [name, value] : added) variables.push_back(name + "=" + value);
  return variables;
}

[[noreturn]] void become(const std::string& command, std::vector<std::string> variables, int log, int nothing) {
  ::setpgid(0, 0);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string shell = "sh", option = "-c", text = command;
  std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
  ::execve("/bin/sh", arguments.data(), environment.data());
  constexpr int kNotFound = 127;
  ::_exit(kNotFound);
}

int status_of(int waited) { return WIFEXITED(waited) ? WEXITSTATUS(waited) : 128 + WTERMSIG(waited); }

// Politely, then not.
void end_group(pid_t group) {
  constexpr auto kPatience = std::chrono::seconds(2);
  ::kill(-group, SIGTERM);
  for (const auto last = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < last;) {
    if (::waitpid(group, nullptr, WNOHANG) == group) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ::kill(-group, SIGKILL);
  while (::waitpid(group, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// Looks again and again: a signal that comes just before a wait would not end it.
CommandResult wait_for(pid_t child) {
  constexpr auto kBetween = std::chrono::milliseconds(10);
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) != child) {
    if (interrupted) {
      end_group(child);
      return {128 + SIGTERM, true};
    }
    std::this_thread::sleep_for(kBetween);
  }
  return {status_of(status), interrupted != 0};
}

}  // namespace

fvhooks::Expected<CommandResult> run_shell_command(const std::string& command,
                                                   const std::map<std::string, std::string>& environment,
                                                   const std::string& log) {
  const Descriptor output(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!output) return fvhooks::Error{log + ": " + std::strerror(errno)};
  auto variables = environment_with(environment);
  const pid_t child = ::fork();
  if (child < 0) return fvhooks::Error{std::string("no process could be started: ") + std::strerror(errno)};
  if (child == 0) become(command, std::move(variables), output.number(), nothing.number());
  ::setpgid(child, child);  // whoever comes first
  return wait_for(child);
}

std::string last_lines(const std::string& path, std::size_t count) {
  std::ifstream file(path);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (lines.size() > count) lines.pop_front();
  }
  std::string text;
  for (const auto& line : lines) text += "  | " + line + "\n";
  return text;
}

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &actions_before[i]);
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &actions_before[i], nullptr);
}

bool InterruptGuard::is_interrupted() noexcept { return interrupted != 0; }

}  // namespace fvtrace
