#pragma once
// A port that was traced under injection: every record is judged alone, since what a module is given and what it makes
// its output of are the reference's (docs/inject.md).
#include <string>
#include <vector>

#include "diff/evidence.h"
#include "diff/pairs.h"
#include "fvhooks/verdict.h"

namespace fvhooks::internal {

bool is_injected(const Pairs& pairs);

// As judge_rows does, of such a trace: nothing inherited is in an error, so that thresholds do not grow with depth.
Judgement judge_injected_rows(Pairs& pairs, const DiffOptions& options, const NoiseFloors* noise);

struct WrongModule {
  Introducer module;
  std::size_t evidence = 0;  // the row that first shows it
};
struct Wrong {
  std::vector<WrongModule> modules;   // wrong by themselves, each once
  std::vector<std::string> unjudged;  // modules of which some call was given wrong inputs
};
Wrong find_wrong_modules(const Pairs& pairs);

}  // namespace fvhooks::internal
