"""The README's Python does what it says."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import torch
from programs import REPOSITORY
from safetensors.torch import save_file

import fvhooks

README = (REPOSITORY / "README.md").read_text()
MODEL_AND_STEPS = """
import torch

model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
steps = 3
"""


def python_section():
    (section,) = re.findall(r"^## Your own model, in Python\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    return section


def snippet():
    (code,) = re.findall(r"```python\n(.*?)```", python_section(), re.DOTALL)
    assert code.count("model(...)") == 1
    return code.replace("model(...)", "model(torch.ones(2, 4))")


def environment():
    """The variables of the command line there."""
    (line,) = re.findall(r"((?:^    [^\n]*\\\n)*^    [^\n]*python my_pipeline\.py)$", python_section(), re.MULTILINE)
    *assignments, program, script = shlex.split(line.replace("\\\n", " "))
    assert (program, script) == ("python", "my_pipeline.py")
    return dict(assignment.split("=", 1) for assignment in assignments)


def test_the_snippet_writes_the_trace_that_it_is_asked_for(tmp_path):
    (tmp_path / "my_pipeline.py").write_text(MODEL_AND_STEPS + snippet())
    variables = environment()
    package = Path(fvhooks.__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "my_pipeline.py"],
        env={**os.environ, "PYTHONPATH": str(package), **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    records = [json.loads(line) for line in (tmp_path / "reference.jsonl").read_text().splitlines()]
    assert {record["module"] for record in records} == {"", "0", "1"}
    assert {record["tensor"] for record in records} == {"in[0]", "out"}
    assert {record["step"] for record in records} == {0, 1, 2}
    assert len(records) == 3 * 2 * 3
    asked_for = variables["FASTVIDEO_TRACE_STATS"].split(",")
    assert all(list(record)[3 : 3 + len(asked_for)] == asked_for for record in records)


def test_the_offload_snippet_streams_from_the_checkpoint(tmp_path, monkeypatch, capsys):
    (section,) = re.findall(r"^## Less memory than it weighs\n(.*?)^\* ", README, re.DOTALL | re.MULTILINE)
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert code.count("model(...)") == 1
    monkeypatch.chdir(tmp_path)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    save_file(model.state_dict(), "model.safetensors")
    expected = model(torch.ones(2, 4))
    names = {"model": model, "torch": torch}
    exec(code.replace("model(...)", "output = model(torch.ones(2, 4))"), names)
    assert torch.equal(names["output"], expected)
    assert 0 < float(capsys.readouterr().out) <= 1
    assert model[0].weight.numel() == 16
