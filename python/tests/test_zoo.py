"""The bug zoo: its scoring is strict, and its quick subset is found."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import BIN, REPOSITORY, program

sys.path.insert(0, str(REPOSITORY))

from zoo import docs, fastvideo, report  # noqa: E402
from zoo.expected import CALLER, NONE, Place, found_diagnosis, found_place, read_table  # noqa: E402
from zoo.floor import Floor  # noqa: E402
from zoo.programs import Programs  # noqa: E402
from zoo.score import BugScore, CleanScore, Scores  # noqa: E402

KINDS = {"permuted", "scaled", "shifted", "non-finite", "off-by-one", "swapped", "narrower", NONE}


def score(**changes) -> BugScore:
    place = Place("blocks.0", 1, 0)
    right = {
        "model": "zoo, seed 1",
        "dtype": "bf16",
        "bug": "gate-missing",
        "expected": place,
        "diagnoses": ("scaled",),
        "found": place,
        "estimate": 0.5,
        "diagnosis": "scaled",
        "diagnosis_score": "right",
        "without_inputs": None,
        "fastvideo": {"text": None, "tolerance": place},
    }
    return BugScore(**right | changes)


def verdict(**introducer) -> dict:
    return {"introducer": {"module": "blocks.0", "step": 1, "call": 0, "outside": False} | introducer}


def test_the_table_and_the_port_name_the_same_bugs():
    programs = Programs(program("wan"), program("fvtrace"))
    assert set(programs.names("bugs")) == set(read_table("fp32", steps=3))


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_table_is_complete(dtype):
    for expected in read_table(dtype, steps=3).values():
        assert set(expected.diagnoses) <= KINDS, expected
        assert expected.dtypes, expected
        assert 0 <= expected.place.step < 3, expected
        assert expected.place.call in (0, 1), expected


def test_an_entry_may_differ_in_bfloat16():
    assert read_table("fp32", steps=3)["latents-bf16"].place == Place(CALLER, 1, 0)
    assert read_table("bf16", steps=3)["latents-bf16"].place == Place(CALLER, 2, 0)


def test_the_place_that_fvtrace_names():
    assert found_place({"introducer": None}) is None
    assert found_place(verdict()) == Place("blocks.0", 1, 0)
    assert found_place(verdict(module="", outside=True)) == Place(CALLER, 1, 0)
    assert found_place(verdict(module="")) == Place("", 1, 0)


@pytest.mark.parametrize(
    "found, outcome",
    [
        (Place("blocks.0", 1, 0), "found"),
        (Place("blocks.0.attn1", 1, 0), "missed"),
        (Place("blocks.0", 0, 0), "missed"),
        (Place("blocks.0", 1, 1), "missed"),
        (None, "missed"),
    ],
)
def test_found_is_the_right_module_at_the_right_step_and_call(found, outcome):
    assert score(found=found).outcome == outcome


@pytest.mark.parametrize(
    "dtype, floor, outcome",
    [
        ("bf16", Floor(effect=1e-3, floor=2e-3), "below the floor"),
        ("bf16", Floor(effect=3e-3, floor=2e-3), "missed"),
        ("bf16", Floor(effect=1e-9, floor=0.0), "missed"),
        ("fp32", Floor(effect=1e-9, floor=1e-7), "missed"),
    ],
)
def test_only_an_effect_within_the_noise_of_bfloat16_is_below_the_floor(dtype, floor, outcome):
    assert score(found=None, dtype=dtype, floor=floor).outcome == outcome


def test_the_first_diagnosis_counts_and_only_if_it_is_right():
    permuted = read_table("fp32", steps=3)["patchify-axes"]
    none = read_table("fp32", steps=3)["rope-half"]
    either = read_table("fp32", steps=3)["bias-dropped"]
    assert permuted.judge_diagnosis("permuted") == "right"
    assert permuted.judge_diagnosis("scaled") == "wrong"
    assert permuted.judge_diagnosis(NONE) == NONE
    assert none.judge_diagnosis("permuted") == "wrong"
    assert either.judge_diagnosis("shifted") == "right"
    assert found_diagnosis({"diagnosis": [{"kind": "scaled"}, {"kind": "permuted"}]}) == "scaled"
    assert found_diagnosis({"diagnosis": []}) == NONE


def record(module: str, step: int, value: float) -> dict:
    return {"module": module, "tensor": "out", "step": step, "abs_mean": value, "sum": value, "max": value}


records = st.lists(
    st.builds(record, st.sampled_from(["a", "b"]), st.integers(0, 2), st.floats(0.5, 2.0)), min_size=1, max_size=20
)


@given(records)
def test_the_baseline_passes_equal_traces(trace):
    assert fastvideo.first_line(trace, trace, fastvideo.differs_as_text) is None
    assert fastvideo.first_line(trace, trace, fastvideo.differs_beyond(1e-3)) is None


@given(records, st.data())
def test_the_baseline_names_the_first_line_that_differs(trace, data):
    i = data.draw(st.integers(0, len(trace) - 1))
    port = [dict(line) for line in trace]
    for line in port[i:]:
        line["max"] *= 1.1
    earlier = [line for line in trace[:i] if (line["module"], line["step"]) == (trace[i]["module"], trace[i]["step"])]
    place = Place(trace[i]["module"], trace[i]["step"], len(earlier))
    assert fastvideo.first_line(trace, port, fastvideo.differs_beyond(1e-3)) == place
    assert fastvideo.first_line(trace, trace[:i], fastvideo.differs_beyond(1e-3)) == place


def test_the_last_line_counts():
    hidden = Floor(effect=1e-3, floor=2e-3)
    bugs = [
        score(),
        score(found=None),
        score(found=None, floor=hidden),
        score(fastvideo={"text": None, "tolerance": None}),
    ]
    clean = [
        CleanScore("zoo, seed 1", "bf16", "plain", None, True, {"text": None, "tolerance": Place("a", 0, 0)}),
        CleanScore("zoo, seed 1", "bf16", "plain", Place("a", 0, 0), False, {"text": None, "tolerance": None}),
    ]
    line = "zoo: 2 of 4 found (1 below the floor), 1 false alarms; baseline: 3 of 4 found, 1 false alarms"
    assert report.last_line(Scores(bugs, clean)) == line


def test_the_page_has_the_markers_of_the_table():
    page = docs.PAGE.read_text()
    assert page.count(docs.BEGIN) == 1
    assert page.index(docs.BEGIN) < page.index(docs.END)


def test_the_quick_subset_is_found_and_clean_variants_are_silent(tmp_path):
    (tmp_path / "bin").symlink_to(BIN)
    command = [sys.executable, "-m", "zoo", "--quick", "--build", tmp_path]
    result = subprocess.run(command, cwd=REPOSITORY, env=os.environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("zoo: 12 of 12 found, 0 false alarms; baseline: ")
    written = json.loads((tmp_path / "zoo.json").read_text())
    assert [bug["outcome"] for bug in written["bugs"]] == ["found"] * 12
    assert all(not clean["false_alarm"] for clean in written["clean"])
