"""The bug zoo: bugs planted in the Wan port, each traced, compared with the reference and scored.

    python -m zoo                 all bugs, both dtypes, and the seed and configuration that are held out
    python -m zoo --quick         a dozen bugs in fp32
    python -m zoo --write-docs    also puts the scores into docs/zoo.md

Prints a table and writes build/zoo.json. Exit status: 0 if every bug was found, or is below the floor of its dtype, and
there was no false alarm; 1 otherwise; 2 if something could not run.
"""

import argparse
import pathlib
import sys
import time

from zoo import docs, report
from zoo.expected import read_table
from zoo.programs import REPOSITORY, Failed, Model, Programs
from zoo.score import DTYPES, Scores, score_model

MENDED = ("zoo", 1)  # what the comparison was mended on
HELD_OUT = (("zoo", 2), ("zoo-other", 3))  # what it was not
QUICK_BUGS = (
    "rope-half",
    "head-swapped",
    "text-cached",
    "norm-affine",
    "gelu-exact",
    "modulation-swapped",
    "timestep-flipped",
    "patchify-axes",
    "block-skipped",
    "weight-transposed",
    "bias-dropped",
    "prompts-swapped",
)
QUICK_VARIANTS = ("explicit-attention", "split-products")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m zoo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=pathlib.Path, default=REPOSITORY / "build")
    parser.add_argument("--wan", type=pathlib.Path, help="in place of build/bin/wan")
    parser.add_argument("--fvtrace", type=pathlib.Path, help="in place of build/bin/fvtrace")
    parser.add_argument("--work", type=pathlib.Path, help="folder for models and traces, in place of build/zoo")
    parser.add_argument("--reuse", action="store_true", help="models and traces that are there")
    parser.add_argument("--bugs", help="only these, comma-separated")
    parser.add_argument("--dtype", choices=DTYPES, help="only this one")
    parser.add_argument("--no-held-out", action="store_true", help="only the seed that the comparison was mended on")
    parser.add_argument("--quick", action="store_true", help="a dozen bugs in fp32")
    parser.add_argument("--write-docs", action="store_true", help="put the scores into docs/zoo.md")
    return parser.parse_args()


def show_progress(score) -> None:
    print(f"  {score.model}, {score.dtype}, {score.bug}: {score.outcome}", flush=True)


def run(options: argparse.Namespace) -> Scores:
    options.build = options.build.resolve()
    programs = Programs(
        options.wan or options.build / "bin/wan",
        options.fvtrace or options.build / "bin/fvtrace",
    )
    listed, tabled = set(programs.names("bugs")), set(read_table("fp32", steps=1))
    if listed != tabled:
        raise Failed(f"not both in {programs.wan} and in the table: {', '.join(sorted(listed ^ tabled))}")
    bugs, variants, dtypes = tabled, programs.names("variants"), [options.dtype] if options.dtype else DTYPES
    models = [MENDED] if options.no_held_out or options.quick else [MENDED, *HELD_OUT]
    if options.quick:
        bugs, variants, dtypes = set(QUICK_BUGS), QUICK_VARIANTS, ["fp32"]
    if options.bugs:
        bugs, variants = set(options.bugs.split(",")), []

    scores = Scores()
    for config, seed in models:
        folder = (options.work or options.build / "zoo") / f"{config}-{seed}"
        part = score_model(programs, Model(folder, config, seed, options.reuse), dtypes, bugs, variants, show_progress)
        scores.bugs += part.bugs
        scores.clean += part.clean
        print(f"\n{config}, seed {seed}\n{report.table(part.bugs)}\n", flush=True)
    return scores


def main() -> int:
    options, began = arguments(), time.monotonic()
    try:
        scores = run(options)
    except Failed as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    (options.build / "zoo.json").write_text(scores.as_json())
    if options.write_docs:
        docs.write(scores)
    for text in (report.floors(scores), report.false_alarms(scores)):
        if text:
            print(text)
    for what, number in report.counts(scores).items():
        print(f"{what}: {number}")
    print(f"{time.monotonic() - began:.0f} s")
    print(report.last_line(scores))
    counts = report.counts(scores)
    return 0 if counts["missed"] == counts["false alarms"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
