"""Fixtures: a trace file, and the environment that asks for a trace into it."""

import json
import os

import pytest


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
