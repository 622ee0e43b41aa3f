"""Several bugs at once in the Wan port: under injection all are named, and nothing else."""

import os
import subprocess
import sys

import pytest
from programs import BIN, REPOSITORY, program

sys.path.insert(0, str(REPOSITORY))

from zoo.inject import BEGIN, END, PAGE, Bug, Score, drawn, matches, read_bugs  # noqa: E402
from zoo.programs import Programs  # noqa: E402


def test_the_table_names_bugs_of_the_port():
    programs = Programs(program("wan"), program("fvtrace"))
    assert set(read_bugs("fp32")) <= set(programs.names("bugs"))


@pytest.mark.parametrize(
    ("pattern", "module", "expected"),
    [
        ("blocks.*.attn1", "blocks.11.attn1", True),
        ("blocks.*", "blocks.1", True),
        ("blocks.*", "blocks.1.attn1", False),
        ("blocks.*.norm[13]", "blocks.0.norm3", True),
        ("blocks.*.norm[13]", "blocks.0.norm2", False),
        ("", "", True),
        ("", "rope", False),
        ("rope", "xrope", False),
        ("a.b", "axb", False),
    ],
)
def test_patterns_of_the_table(pattern, module, expected):
    assert matches(pattern, module) is expected


ROPE, EPS = Bug("rope", ("blocks.*.attn1",), "attn1"), Bug("eps", ("norm_[ab]", "out"), "norms", is_hidden=True)


@pytest.mark.parametrize(
    ("named", "missed", "false", "is_right"),
    [
        ({"blocks.0.attn1", "norm_a", "out"}, [], set(), True),
        ({"blocks.0.attn1", "norm_a", "out", "blocks.0"}, [], {"blocks.0"}, False),
        ({"norm_a", "out"}, ["rope"], set(), False),
        ({"blocks.0.attn1", "norm_a"}, ["eps"], set(), True),  # below the floor, by the table
    ],
)
def test_a_score_is_strict(named, missed, false, is_right):
    score = Score("bf16", (ROPE, EPS), named, runs=1)
    assert (score.missed, score.false, score.is_right) == (missed, false, is_right)


def test_nothing_is_excused_with_a_noise_trace():
    assert not Score("bf16", (ROPE, EPS), {"blocks.0.attn1"}, runs=1, has_noise=True).is_right


def test_combinations_are_of_different_parts_and_the_same_each_time():
    bugs = list(read_bugs("fp32").values())
    triples = drawn(bugs, 3, 20, seed=1)
    assert all(len({bug.part for bug in triple}) == 3 for triple in triples)
    assert triples == drawn(bugs, 3, 20, seed=1)
    assert len(set(triples)) == 20


def test_the_page_has_the_markers_of_the_table():
    page = PAGE.read_text()
    assert page.count(BEGIN) == 1
    assert page.index(BEGIN) < page.index(END)


def test_two_and_three_bugs_at_once_are_all_named_and_nothing_else(tmp_path):
    (tmp_path / "bin").symlink_to(BIN)
    command = [sys.executable, "-m", "zoo.inject", "--quick", "--build", tmp_path]
    result = subprocess.run(command, cwd=REPOSITORY, env=os.environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("10 of 10 right")
