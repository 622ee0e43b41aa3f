#pragma once
// What a command says of itself: `--help` reads like a page of a manual.
#include <string>

namespace CLI {
class App;
}

namespace fvtrace {

struct Manual {
  std::string summary;      // one line, also shown in the list of commands
  std::string description;  // paragraphs
  std::string examples;     // one a line
  std::string exit_status;
  std::string environment;  // empty: looks at none
};

// Also sets the formatter that shows it.
void describe(CLI::App& command, const Manual& manual);

// A page for man(1): the command and each of its subcommands.
std::string manual_page(const CLI::App& app);

// Environment variables that every command with a table looks at.
extern const char* const kTerminalEnvironment;

}  // namespace fvtrace
