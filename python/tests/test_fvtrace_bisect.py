"""`fvtrace bisect`: two commands in, all modules that are wrong by themselves out."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from programs import REPOSITORY, program

sys.path.insert(0, str(REPOSITORY))

PROGRAM = """
import sys, torch
from torch import nn
from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace, trace_step

bugs = set(sys.argv[1:])
print("bugs", bugs, file=sys.stderr)

class Block(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name = name
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)
    def forward(self, x):
        hidden = torch.relu(self.up(x))
        if self.name + "-own" in bugs:
            hidden = hidden.flip(-1)
        return x + self.down(hidden)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.blocks = nn.Linear(8, 16), nn.ModuleList(Block(str(i)) for i in range(3))
    def forward(self, x):
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return x

torch.manual_seed(1)
model = Model()
with torch.no_grad():
    for i, block in enumerate(model.blocks):
        if f"{i}-down" in bugs:
            block.down.weight.mul_(1.5)
manager = attach_activation_trace(model)
with torch.no_grad():
    for step in range(2):
        with trace_step(step):
            model(torch.linspace(-1, 1, 40).reshape(5, 8) + ("caller" in bugs))
detach_activation_trace(manager)
"""


@pytest.fixture
def command(tmp_path):
    script = tmp_path / "model.py"
    script.write_text(PROGRAM)
    return lambda *bugs: f"{sys.executable} {script} {' '.join(bugs)}"


def bisect(reference, port, *options, temporary=None):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if temporary:
        environment["TMPDIR"] = str(temporary)
    return subprocess.run(
        [program("fvtrace"), "bisect", "--reference", reference, "--port", port, *options],
        env=environment,
        capture_output=True,
        text=True,
    )


def last_line(result):
    return result.stdout.splitlines()[-1]


def test_all_bugs_are_named_at_once_and_told_in_one_sentence(command, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    result = bisect(command(), command("0-own", "2-down"), temporary=temporary)
    assert result.returncode == 1, result.stderr
    assert last_line(result) == "These are wrong by themselves: blocks.0 and blocks.2.down."
    assert "run 1: the reference, capturing all modules" in result.stderr
    assert not list(temporary.iterdir()), "captures vanish"


def test_what_was_given_something_wrong_is_judged_with_the_right_inputs(command):
    result = bisect(command(), command("0-own", "0-down", "caller"), "--json")
    verdict = json.loads(result.stdout)
    named = [wrong["module"] for wrong in verdict["wrong"]]
    assert sorted(named) == ["", "blocks.0", "blocks.0.down"]
    assert [wrong["outside"] for wrong in verdict["wrong"] if wrong["module"] == ""] == [True]
    assert verdict["runs"] == 3
    assert verdict["unjudged"] == []


def test_with_little_room_one_level_is_looked_at_after_the_other(command):
    result = bisect(command(), command("1-down", "2-own"), "--limit", "28k", "--json")
    assert result.returncode == 1, result.stderr
    verdict = json.loads(result.stdout)
    assert [wrong["module"] for wrong in verdict["wrong"]] == ["blocks.1.down", "blocks.2"]
    assert "one level at a time" in result.stderr
    assert "next, what is inside" in result.stderr


def test_too_little_room_is_said(command):
    result = bisect(command(), command(), "--limit", "1k")
    assert result.returncode == 2
    assert "--limit" in result.stderr and "--steps" in result.stderr


def test_a_command_that_fails_is_shown_with_what_it_said():
    result = bisect("echo no such checkpoint >&2; exit 3", "true")
    assert result.returncode == 2
    assert "exit status 3" in result.stderr
    assert "no such checkpoint" in result.stderr


def test_a_command_that_traces_nothing_is_told_so():
    result = bisect("true", "true")
    assert result.returncode == 2
    assert "attach_activation_trace" in result.stderr


def test_a_clean_port_has_nothing_wrong_and_work_is_kept_where_that_is_asked_for(command, tmp_path):
    kept = tmp_path / "kept"
    result = bisect(command(), command(), "--keep", str(kept), "--steps", "1")
    assert result.returncode == 0, result.stderr
    assert last_line(result).startswith("No module is wrong by itself")
    assert list(kept.rglob("*.safetensors"))
    assert "bugs" in (kept / "level1" / "port.log").read_text()
    assert bisect(command(), command(), "--keep", str(kept)).returncode == 2, "not into what is there"


def test_an_interrupt_ends_the_command_and_leaves_nothing(command, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(temporary)}
    running = subprocess.Popen(
        [program("fvtrace"), "bisect", "--reference", "echo $$ > $TMPDIR/pid; sleep 60", "--port", command()],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (temporary / "pid").exists() or not (temporary / "pid").read_text():
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert "interrupted" in running.communicate(timeout=20)[1]
    assert running.returncode == 2
    shell = int((temporary / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(shell, 0)
    assert [path.name for path in temporary.iterdir()] == ["pid"]


def test_modules_may_have_other_names_in_the_port(command, tmp_path):
    renamed = tmp_path / "renamed.py"
    renamed.write_text(PROGRAM.replace("self.blocks", "self.layers").replace("model.blocks", "model.layers"))
    rules = tmp_path / "map.txt"
    rules.write_text("layers.** = blocks.**\n")
    result = bisect(command(), f"{sys.executable} {renamed} 1-down", "--map", str(rules))
    assert result.returncode == 1, result.stderr
    assert last_line(result) == "This is wrong by itself: blocks.1.down."
