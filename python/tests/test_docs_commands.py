"""The commands in docs/*.md do what the pages say.

In a page that has fenced `sh` blocks these are run, in order, in one folder that looks like a fresh checkout after `make
build` (examples/, build/bin/, python on the path), as in one shell: variables that a block exports are there in the
next. Around them stand

    ```python NAME.py     (any language and name) a file, saved under that name
    ```sh exit=1          commands that end with this status, 0 where nothing is said
    ```text               each line is a line of what the last commands printed, … standing for anything
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import BIN, REPOSITORY

import fvhooks

PAGES = sorted(path.name for path in (REPOSITORY / "docs").glob("*.md") if "\n```sh" in path.read_text())
FENCE = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Shell:
    """Runs scripts in a folder, one after the other in one environment."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self._folder = folder
        self._environment = environment

    def run(self, script: str, exit_status: int) -> str:
        """What it printed."""
        exported = self._folder / ".environment"
        leaving = "trap 'env -0 > .environment' EXIT\n"
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", leaving + script],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert result.returncode == exit_status, f"{script}\nexit status {result.returncode}\n{result.stdout}"
        self._environment = dict(line.split("=", 1) for line in exported.read_text().split("\0") if line)
        return result.stdout


def checkout(folder: Path) -> Shell:
    for path in REPOSITORY.iterdir():
        if not path.name.startswith((".", "build")):
            (folder / path.name).symlink_to(path)
    (folder / "build").mkdir()
    (folder / "build" / "bin").symlink_to(BIN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FASTVIDEO_TRACE_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["PYTHONPATH"] = str(Path(fvhooks.__file__).parent.parent)
    return Shell(folder, environment)


def assert_shows(printed: str, shown: str) -> None:
    lines = [line.strip() for line in printed.splitlines()]
    for line in filter(None, map(str.strip, shown.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        assert any(map(pattern.fullmatch, lines)), f"{line!r} is not a line of\n{printed}"


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of(page, tmp_path):
    shell, printed = checkout(tmp_path), ""
    for language, note, text in FENCE.findall((REPOSITORY / "docs" / page).read_text()):
        if language == "sh":
            printed = shell.run(text, exit_status=int((note or "exit=0").removeprefix("exit=")))
        elif language == "text":
            assert_shows(printed, text)
        elif note:
            (tmp_path / note).write_text(text)


def test_a_command_that_fails_is_seen(tmp_path):
    with pytest.raises(AssertionError, match="exit status 1"):
        checkout(tmp_path).run("false\ntrue", exit_status=0)


def test_what_a_page_shows_must_have_been_printed():
    assert_shows("one 1.25 thing\nanother", "one … thing")
    with pytest.raises(AssertionError):
        assert_shows("one 1.25 thing\nanother", "one thing")


def test_variables_are_carried_to_the_next_block(tmp_path):
    shell = checkout(tmp_path)
    shell.run("export COLOUR=green", exit_status=0)
    assert shell.run('echo "$COLOUR"', exit_status=0) == "green\n"
