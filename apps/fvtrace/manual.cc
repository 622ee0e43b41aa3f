#include "manual.h"

#include <CLI/CLI.hpp>
#include <memory>

namespace fvtrace {
namespace {

std::string indented(const std::string& text) {
  const auto lines = CLI::detail::find_and_replace("  " + text, "\n", "\n  ");
  return CLI::detail::find_and_replace(lines, "\n  \n", "\n\n");
}

std::string section(const std::string& title, const std::string& text) {
  return text.empty() ? std::string() : "\n" + title + ":\n" + indented(text) + "\n";
}

class ManualFormatter : public CLI::Formatter {
 public:
  explicit ManualFormatter(Manual manual) : manual_(std::move(manual)) { column_width(34); }

  std::string make_description(const CLI::App* command) const override {
    const std::string parent = command->get_parent() ? command->get_parent()->get_name() + " " : "";
    return parent + command->get_name() + ": " + manual_.summary + "\n\n";
  }
  std::string make_usage(const CLI::App* command, std::string name) const override {
    return Formatter::make_usage(command, std::move(name)) + section("Description", manual_.description);
  }
  std::string make_footer(const CLI::App*) const override {
    const auto sections = section("Examples", manual_.examples) + section("Exit status", manual_.exit_status) +
                          section("Environment", manual_.environment);
    return sections.empty() ? sections : sections.substr(1);
  }

 private:
  Manual manual_;
};

}  // namespace

const char* const kTerminalEnvironment =
    "NO_COLOR   if set and not empty, no colours on a terminal\n"
    "TERM       dumb: no colours";

void describe(CLI::App& command, const Manual& manual) {
  command.description(manual.summary);
  command.formatter(std::make_shared<ManualFormatter>(manual));
}

}  // namespace fvtrace
