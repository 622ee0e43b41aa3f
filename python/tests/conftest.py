"""Fixtures: a trace file, and the environment that asks for a trace into it."""

import json
import os
import sys

import pytest
from torch import nn


class TraceFile:
    """The file of a trace, and the variables that lead there."""

    def __init__(self, path, monkeypatch):
        self.path = path
        self._monkeypatch = monkeypatch

    def set(self, **variables):
        """trace.set(STATS="sum") sets FASTVIDEO_TRACE_STATS."""
        for name, value in variables.items():
            self._monkeypatch.setenv(f"FASTVIDEO_TRACE_{name}", value)
        return self

    def records(self):
        return [json.loads(line, parse_constant=self._bare_word) for line in self.path.read_text().splitlines()]

    @staticmethod
    def _bare_word(word):
        raise AssertionError(f"{word} is not JSON")


@pytest.fixture(autouse=True)
def no_trace_asked_for(monkeypatch):
    for name in os.environ:
        if name.startswith("FASTVIDEO_TRACE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def trace(tmp_path, monkeypatch):
    file = TraceFile(tmp_path / "trace.jsonl", monkeypatch)
    return file.set(ACTIVATIONS="1", OUTPUT=str(file.path))


@pytest.fixture
def program_tracer(trace, monkeypatch):
    """What `python -m fvhooks run` installs, in this process: start() begins with the environment as it is then."""
    tracers = []

    def start():
        from fvhooks import activation_trace, run_tracer

        monkeypatch.setenv("FASTVIDEO_TRACE_PROGRAM", "1")
        monkeypatch.setattr(nn.Module, "__call__", nn.Module.__call__)
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        monkeypatch.setattr(activation_trace, "before_program_attaches", activation_trace.before_program_attaches)
        tracers.append(run_tracer.install())
        return tracers[-1]

    yield start
    for tracer in tracers:
        tracer.end()
