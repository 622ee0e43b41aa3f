"""Several bugs at once: a run under injection has to name all modules that are wrong by themselves, and nothing else.

    python -m zoo.inject                 single bugs, and pairs and triples drawn by a seed, in both dtypes
    python -m zoo.inject --quick         a few of each
    python -m zoo.inject --write-docs    also puts the scores into docs/inject.md

The port is run with outputs replaced, and once more with inputs replaced too where modules were left unjudged, as `fvtrace
bisect` does. Exit status: 0 if in every run all was named and nothing else, but for bugs that the table says are
below the floor in bfloat16; 1 otherwise; 2 if something could not run.
"""

import argparse
import math
import pathlib
import random
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import tomllib

from zoo.docs import markdown
from zoo.programs import REPOSITORY, STATISTICS, Failed, Model, Programs, call

TABLE = pathlib.Path(__file__).with_name("alone.toml")
PAGE = REPOSITORY / "docs/inject.md"
BEGIN, END = "<!-- made by python -m zoo.inject --write-docs -->\n", "<!-- end -->"
DTYPES = ("fp32", "bf16")
ROOT, CALLER = "", "caller"
SUBTLE = ("gelu-exact", "norm-eps", "norm-bf16", "latents-bf16", "bias-dropped")
LIFT_HEADER = (
    "bug",
    "dtype",
    "clean",
    "with the bug",
    "ratio",
    "clean, injected",
    "with the bug, injected",
    "ratio",
)
ONE_THREAD = ("--threads", "1")


@dataclass(frozen=True)
class Bug:
    name: str
    modules: tuple[str, ...]
    part: str
    is_hidden: bool = False  # below what one operation may add in this dtype: only a noise trace tells

    def explains(self, module: str) -> bool:
        return any(matches(pattern, module) for pattern in self.modules)

    def is_named_by(self, modules: set[str]) -> bool:
        return all(any(matches(pattern, module) for module in modules) for pattern in self.modules)


def matches(pattern: str, module: str) -> bool:
    """As a shell's, but that * does not match a point; brackets hold single characters."""
    parts = re.split(r"(\*|\[\w+\])", pattern)
    regex = "".join(r"[^.]+" if part == "*" else part if part.startswith("[") else re.escape(part) for part in parts)
    return re.fullmatch(regex, module) is not None


def read_bugs(dtype: str) -> dict[str, Bug]:
    table = tomllib.loads(TABLE.read_text())
    return {
        name: Bug(name, tuple(entry["modules"]), entry["part"], dtype in entry.get("hidden", ()))
        for name, entry in table.items()
    }


def drawn(bugs: list[Bug], size: int, count: int, seed: int) -> list[tuple[Bug, ...]]:
    """Combinations of bugs in different parts, each bug about as often as any other."""
    generator, found = random.Random(seed), []
    while len(found) < count:
        combination = tuple(sorted(generator.sample(bugs, size), key=lambda bug: bug.name))
        if len({bug.part for bug in combination}) == size and combination not in found:
            found.append(combination)
    return found


@dataclass
class Score:
    dtype: str
    bugs: tuple[Bug, ...]
    named: set[str]
    runs: int
    has_noise: bool = False

    @property
    def missed(self) -> list[str]:
        return [bug.name for bug in self.bugs if not bug.is_named_by(self.named)]

    @property
    def false(self) -> set[str]:
        return {module for module in self.named if not any(bug.explains(module) for bug in self.bugs)}

    @property
    def excused(self) -> list[str]:
        return [bug.name for bug in self.bugs if bug.is_hidden and bug.name in self.missed and not self.has_noise]

    @property
    def is_right(self) -> bool:
        return self.missed == self.excused and not self.false

    def __str__(self) -> str:
        what = " + ".join(bug.name for bug in self.bugs) or "clean"
        what += " with a noise trace" if self.has_noise else ""
        outcome = "all named" if self.bugs else "nothing named"
        if self.excused:
            outcome = f"all named but {', '.join(self.excused)}, below the floor"
        if not self.is_right:
            outcome = f"missed {self.missed}, false {sorted(self.false)}"
        return f"{self.dtype}, {what}: {outcome} ({self.runs} runs)"


def names_in(verdict: dict) -> set[str]:
    return {CALLER if wrong["outside"] else wrong["module"] for wrong in verdict["wrong"]}


@dataclass
class Reference:
    """A reference that was captured, and what a port under its injection is found to do wrong."""

    programs: Programs
    model: Model
    dtype: str

    def __post_init__(self):
        self.capture = self.model.folder / f"capture.{self.dtype}"
        self.trace = self.model.folder / f"captured.{self.dtype}.jsonl"
        if self.model.reuse and self.trace.exists():
            return
        self._run(self.model.reference_command("run"), "captured", self.trace, CAPTURE=str(self.capture))

    def score(self, bugs: tuple[Bug, ...], *options: str, noise: pathlib.Path | None = None) -> Score:
        planted = [option for bug in bugs for option in ("--bug", bug.name)]
        name = "+".join([bug.name for bug in bugs] + list(options)) or "clean"
        verdict = self.judge(name, "0", noise, *planted, *options)
        named, has_unjudged = names_in(verdict), bool(verdict["unjudged"])
        if has_unjudged:
            named |= names_in(self.judge(f"{name}.inputs", "1", noise, *planted, *options))
        return Score(self.dtype, bugs, named, 1 + has_unjudged, noise is not None)

    def judge(self, name: str, with_inputs: str, noise: pathlib.Path | None, *options: str) -> dict:
        trace = self.trace_port(name, *options, INJECT=str(self.capture), INJECT_INPUTS=with_inputs)
        verdict = self.programs.diff(self.trace, trace, *(("--noise", noise) if noise else ()))
        trace.unlink()
        return verdict

    def trace_port(self, name: str, *options: str, **variables: str) -> pathlib.Path:
        trace = self.model.folder / f"injected.{name}.{self.dtype}.jsonl"
        self._run([self.programs.wan, *ONE_THREAD, *options], f"injected.{name}", trace, **variables)
        return trace

    def noise(self) -> pathlib.Path:
        """Of the clean port with another order of adding up: what is legitimate, with the port's own kernels."""
        variant = ("--variant", "split-products")
        return self.trace_port("noise", *variant, INJECT=str(self.capture), INJECT_INPUTS="1")

    def _run(self, command: list, name: str, trace: pathlib.Path, **variables: str) -> None:
        trace.unlink(missing_ok=True)
        tracing = {"ACTIVATIONS": "1", "INPUTS": "1", "ROOT": "1", "STATS": STATISTICS, "OUTPUT": str(trace)}
        environment = {f"FASTVIDEO_TRACE_{key}": value for key, value in (tracing | variables).items()}
        call([*command, *self.model.arguments(name, self.dtype)], **environment)


@dataclass(frozen=True)
class Lift:
    """How far a module's output is from the reference's, in the port with and without a bug."""

    bug: str
    dtype: str
    clean: float
    wrong: float
    clean_injected: float
    wrong_injected: float

    def row(self) -> tuple[str, ...]:
        def ratio(wrong: float, clean: float) -> str:
            return f"{wrong / clean:.3g}" if clean else "∞" if wrong else "–"

        return (
            self.bug,
            self.dtype,
            f"{self.clean:.2e}",
            f"{self.wrong:.2e}",
            ratio(self.wrong, self.clean),
            f"{self.clean_injected:.2e}",
            f"{self.wrong_injected:.2e}",
            ratio(self.wrong_injected, self.clean_injected),
        )


def error_at(verdict: dict, bug: Bug) -> float:
    """Root mean square, over the records that a module of the bug makes."""
    label = "in" if CALLER in bug.modules else "out"
    errors = [
        float(each["error"])
        for each in verdict["comparisons"]
        if each["error"] is not None
        and each["tensor"].startswith(label)
        and (each["module"] == ROOT if CALLER in bug.modules else bug.explains(each["module"]))
    ]
    return math.sqrt(sum(error**2 for error in errors) / len(errors))


def measure_lift(reference: Reference, bug: Bug) -> Lift:
    injection = {"INJECT": str(reference.capture), "INJECT_INPUTS": "1"}
    verdicts = []
    for variables in ({}, injection):
        for planted in ((), ("--bug", bug.name)):
            trace = reference.trace_port(f"lift.{bug.name}", *planted, **variables)
            verdicts.append(reference.programs.diff(reference.trace, trace))
            trace.unlink()
    return Lift(bug.name, reference.dtype, *(error_at(verdict, bug) for verdict in verdicts))


def score_all(programs: Programs, model: Model, quick: bool) -> tuple[list[Score], list[Lift]]:
    model.make()
    scores, lifts = [], []
    for dtype in DTYPES:
        bugs = list(read_bugs(dtype).values())
        reference = Reference(programs, model, dtype)
        singles = [] if quick else [(bug,) for bug in bugs]
        combinations = [(), *singles, *drawn(bugs, 2, 2 if quick else 25, 7), *drawn(bugs, 3, 2 if quick else 25, 8)]
        variants = () if quick else programs.names("variants")
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(reference.score, combination) for combination in combinations]
            runs += [pool.submit(reference.score, (), "--variant", variant) for variant in variants]
            hidden = [(bug,) for bug in bugs if bug.is_hidden]
            if hidden and not quick:
                noise = reference.noise()
                runs += [pool.submit(reference.score, each, noise=noise) for each in ((), *hidden)]
            for run in runs:
                scores.append(run.result())
                print(f"  {scores[-1]}", flush=True)
            if not quick:
                subtle = [read_bugs(dtype)[name] for name in SUBTLE]
                lifts += pool.map(partial(measure_lift, reference), subtle)
    return scores, lifts


LIFT = """How far the outputs of the modules at fault (of a caller's bug, the model's inputs) are from the reference's, root
mean square over all of their records: without injection, from sketches; with inputs and outputs replaced, exactly.

"""


KINDS = ("clean port and variants", "one bug", "two bugs", "three bugs")


def summary(scores: list[Score]) -> list[tuple[str, ...]]:
    rows = []
    for has_noise in (False, True):
        for size, what in enumerate(KINDS):
            for dtype in DTYPES:
                key = (has_noise, size, dtype)
                these = [score for score in scores if (score.has_noise, len(score.bugs), score.dtype) == key]
                if not these:
                    continue
                named = sum(not score.missed for score in these)
                below = sum(bool(score.excused) for score in these)
                false = sum(bool(score.false) for score in these)
                what_planted = what + (", with --noise" if has_noise else "")
                rows.append((what_planted, dtype, *map(str, (len(these), named, below, false))))
    return rows


def write_docs(scores: list[Score], lifts: list[Lift]) -> None:
    header = (
        "planted at once",
        "dtype",
        "runs",
        "all named",
        "all but what is below the floor",
        "something else named",
    )
    wrong = "".join(f"* {score}\n" for score in scores if not score.is_right)
    text = f"{BEGIN}\n{markdown(header, summary(scores))}\n{wrong}\n{LIFT}{markdown(LIFT_HEADER, [lift.row() for lift in lifts])}\n{END}"
    page = PAGE.read_text()
    PAGE.write_text(re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: text, page, flags=re.DOTALL))


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m zoo.inject", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=pathlib.Path, default=REPOSITORY / "build")
    parser.add_argument("--work", type=pathlib.Path, help="folder for models and traces, in place of build/zoo/inject")
    parser.add_argument("--reuse", action="store_true", help="models and captures that are there")
    parser.add_argument("--quick", action="store_true", help="a few runs of each kind")
    parser.add_argument("--write-docs", action="store_true", help="put the scores into docs/inject.md")
    options, began = parser.parse_args(), time.monotonic()
    programs = Programs(options.build / "bin/wan", options.build / "bin/fvtrace")
    model = Model(options.work or options.build / "zoo/inject", "zoo", 1, options.reuse)
    try:
        scores, lifts = score_all(programs, model, options.quick)
    except Failed as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    for row in summary(scores):
        print("  ".join(row))
    for lift in lifts:
        print("  ".join(lift.row()))
    if options.write_docs:
        write_docs(scores, lifts)
    right = sum(score.is_right for score in scores)
    print(f"{right} of {len(scores)} right, {time.monotonic() - began:.0f} s")
    return 0 if right == len(scores) else 1


if __name__ == "__main__":
    sys.exit(main())
