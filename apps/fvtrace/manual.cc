#include "manual.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

namespace fvtrace {
namespace {

std::string indented(const std::string& text) {
  const auto lines = CLI::detail::find_and_replace("  " + text, "\n", "\n  ");
  return CLI::detail::find_and_replace(lines, "\n  \n", "\n\n");
}

std::string section(const std::string& title, const std::string& text) {
  return text.empty() ? std::string() : "\n" + title + ":\n" + indented(text) + "\n";
}

constexpr std::size_t kLeftColumn = 34, kRightColumn = 76;

// In lines that fit the right column.
std::string wrapped(const std::string& text) {
  std::string lines;
  std::size_t length = 0;
  for (const auto& word : CLI::detail::split(text, ' ')) {
    const bool fits = length + 1 + word.size() <= kRightColumn;
    if (!lines.empty()) lines += fits ? ' ' : '\n';
    length = fits && !lines.empty() ? length + 1 + word.size() : word.size();
    lines += word;
  }
  return lines;
}

class ManualFormatter : public CLI::Formatter {
 public:
  explicit ManualFormatter(Manual manual) : manual_(std::move(manual)) { column_width(kLeftColumn); }

  std::string make_help(const CLI::App* command, std::string name, CLI::AppFormatMode mode) const override {
    return CLI::detail::find_and_replace(Formatter::make_help(command, std::move(name), mode), "\n\n\n", "\n\n");
  }
  std::string make_description(const CLI::App* command) const override {
    const std::string parent = command->get_parent() ? command->get_parent()->get_name() + " " : "";
    return parent + command->get_name() + ": " + manual_.summary + "\n\n";
  }
  std::string make_usage(const CLI::App* command, std::string name) const override {
    return Formatter::make_usage(command, std::move(name)) + section("Description", manual_.description);
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return wrapped(Formatter::make_option_desc(option));
  }
  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, command->get_name(), wrapped(command->get_description()), kLeftColumn);
    return out.str();
  }
  std::string make_footer(const CLI::App*) const override {
    const auto sections = section("Examples", manual_.examples) + section("Exit status", manual_.exit_status) +
                          section("Environment", manual_.environment);
    return sections.empty() ? sections : sections.substr(1);
  }

 private:
  Manual manual_;
};

// As it stands, for troff: a backslash begins a request within a line, a point or an apostrophe one that is a line.
std::string verbatim(const std::string& text) {
  const auto lines = CLI::detail::find_and_replace(CLI::detail::find_and_replace(text, "\\", "\\e"), "-", "\\-");
  const auto safe =
      CLI::detail::find_and_replace(CLI::detail::find_and_replace("\n" + lines, "\n.", "\n\\&."), "\n'", "\n\\&'");
  return ".nf" + safe + ".fi\n";
}

}  // namespace

const char* const kTerminalEnvironment =
    "NO_COLOR   if set and not empty, no colours on a terminal\n"
    "TERM       dumb: no colours";

void describe(CLI::App& command, const Manual& manual) {
  command.description(manual.summary);
  command.formatter(std::make_shared<ManualFormatter>(manual));
}

std::string manual_page(const CLI::App& app) {
  std::string page = ".TH FVTRACE 1\n.SH NAME\n" + app.get_name() + " \\- " + app.get_description() +
                     "\n.SH SYNOPSIS\n" + app.get_name() + " COMMAND [OPTIONS] ...\n.SH DESCRIPTION\n" +
                     verbatim(app.help());
  for (const auto* command : app.get_subcommands({})) {
    page += ".SH \"" + app.get_name() + " " + command->get_name() + "\"\n" + verbatim(command->help());
  }
  return page;
}

}  // namespace fvtrace
