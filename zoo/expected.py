"""The table of what is to be found where, and how an answer is scored against it."""

import pathlib
from dataclasses import dataclass

import tomllib

TABLE = pathlib.Path(__file__).with_name("expected.toml")
CALLER = "caller"
NONE = "none"


@dataclass(frozen=True)
class Place:
    module: str  # "": the transformer, CALLER: what calls it
    step: int
    call: int

    def __str__(self) -> str:
        return f"{self.module or '(root)'} {self.step}/{self.call}"


@dataclass(frozen=True)
class Expected:
    bug: str
    place: Place
    dtypes: tuple[str, ...]
    diagnoses: tuple[str, ...]  # each of them is right

    def wants_diagnosis(self) -> bool:
        return NONE not in self.diagnoses

    def judge_diagnosis(self, kind: str) -> str:
        """ "right", "wrong" or "none": the first that is given counts."""
        if kind == NONE:
            return NONE
        return "right" if kind in self.diagnoses else "wrong"


def read_table(dtype: str, steps: int) -> dict[str, Expected]:
    def expected(bug: str, entry: dict) -> Expected:
        entry = entry | entry.get(dtype, {})
        step, call = entry["at"]
        diagnosis = entry.get("diagnosis", NONE)
        return Expected(
            bug,
            Place(entry["module"], steps - 1 if step == "last" else step, call),
            tuple(entry.get("dtypes", ("fp32", "bf16"))),
            tuple([diagnosis] if isinstance(diagnosis, str) else diagnosis),
        )

    return {bug: expected(bug, entry) for bug, entry in tomllib.loads(TABLE.read_text()).items()}


def found_place(verdict: dict) -> Place | None:
    """The place that fvtrace names as the introducer's."""
    introducer = verdict["introducer"]
    if introducer is None:
        return None
    module = CALLER if introducer.get("outside") else introducer["module"]
    return Place(module, introducer["step"], introducer["call"])


def found_diagnosis(verdict: dict) -> str:
    """The first that fvtrace gives."""
    findings = verdict["diagnosis"]
    return findings[0]["kind"] if findings else NONE
