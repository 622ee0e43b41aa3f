"""`python -m fvhooks run script.py …`: any Python program, traced without an edit (docs/trace-the-reference.md).

The program is run by a Python of its own that takes this one's place, so that its arguments, `__main__`, sys.path, exit
status, tracebacks and signals are what they are without us. What it needs to be traced stands in the environment.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_USAGE = "python -m fvhooks run [--component NAME=EXPR]… [--step-from NAME] (SCRIPT | -m MODULE) [ARGUMENT]…"
_SITECUSTOMIZE = Path(__file__).with_name("run_sitecustomize")


def main(arguments: Sequence[str]) -> int:
    options = _parsed(arguments)
    environment = _environment(options, os.environ)
    command = [sys.executable, *_interpreter_options(sys.orig_argv), *_program(options)]
    try:
        os.execve(sys.executable, command, environment)
    except OSError as error:
        print(f"fvhooks run: {sys.executable} cannot be run: {error}", file=sys.stderr)
    return 2


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fvhooks", usage=_USAGE, description=__doc__.partition("\n")[0])
    run = parser.add_subparsers(required=True).add_parser("run", usage=_USAGE, allow_abbrev=False)
    run.add_argument(
        "--component",
        metavar="NAME=EXPR",
        action="append",
        default=[],
        type=_component,
        help="the module that this Python expression gives in the program is traced as root NAME",
    )
    run.add_argument("--step-from", metavar="NAME", help="calls of this root alone count denoise steps")
    run.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="a module instead of a script")
    run.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = run.parse_args(arguments[1:]) if arguments[:1] == ["run"] else parser.parse_args(arguments)
    if not options.module and not options.program:
        run.error("which program?")
    return options


def _component(text: str) -> str:
    name, equals, expression = text.partition("=")
    if not (name and equals and expression.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=EXPR")
    try:
        compile(expression.strip(), "--component", "eval")
    except SyntaxError as error:
        raise argparse.ArgumentTypeError(f"{expression!r} is no Python expression: {error.msg}") from None
    return text


def _program(options: argparse.Namespace) -> list[str]:
    return ["-m", *options.module] if options.module else options.program


def _environment(options: argparse.Namespace, inherited: dict[str, str]) -> dict[str, str]:
    environment = dict(inherited)
    if environment.get("FASTVIDEO_TRACE_ACTIVATIONS", "0") == "0":
        environment["FASTVIDEO_TRACE_ACTIVATIONS"] = "1"
    environment["FASTVIDEO_TRACE_PROGRAM"] = "1"
    if options.component:
        environment["FASTVIDEO_TRACE_COMPONENTS"] = "\n".join(options.component)
    if options.step_from:
        environment["FASTVIDEO_TRACE_STEP_FROM"] = options.step_from
    # Python imports a sitecustomize before the program; ours goes off the path again, and imports the one that it hides.
    path = [str(_SITECUSTOMIZE), *filter(None, [inherited.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    return environment


def _interpreter_options(command: Sequence[str]) -> list[str]:
    """What stands before `-m fvhooks` in the command line of this process."""
    for position, word in enumerate(command):
        if word == "-m" and command[position + 1 : position + 2] == ["fvhooks"] or word == "-mfvhooks":
            return list(command[1:position])
    return []
