"""Runs planted bugs and clean variants through the whole street, and scores what comes out."""

import json
import pathlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from zoo import fastvideo
from zoo.expected import Expected, Place, found_diagnosis, found_place, read_table
from zoo.floor import Floor, measure
from zoo.programs import Model, Programs

DTYPES = ("fp32", "bf16")
STEPS = {"zoo": 3, "zoo-other": 4}  # as examples/wan/reference.py has them
WORKERS = 2
SEVERAL_VARIANTS = ("explicit-attention", "split-products", "explicit-norms", "transposed-storage", "no-onednn")

# The port is given one thread, so that two of them can run; the reference has its own number.
ONE_THREAD = ("--threads", "1")


@dataclass
class BugScore:
    model: str
    dtype: str
    bug: str
    expected: Place
    diagnoses: tuple[str, ...]
    found: Place | None
    estimate: float | None  # the error of the first record that diverged
    diagnosis: str
    diagnosis_score: str
    without_inputs: Place | None
    fastvideo: dict[str, Place | None]
    floor: Floor | None = None  # of a bug that was missed

    @property
    def is_found(self) -> bool:
        return self.found == self.expected

    @property
    def is_below_floor(self) -> bool:
        """In fp32 nothing is excused."""
        return not self.is_found and self.floor is not None and self.floor.hides_effect and self.dtype != "fp32"

    @property
    def outcome(self) -> str:
        if self.is_found:
            return "found"
        return "below the floor" if self.is_below_floor else "missed"

    def fastvideo_outcome(self, way: str) -> str:
        named = self.fastvideo[way]
        if named is None:
            return "missed"
        return "found" if named == self.expected else "false"


@dataclass
class CleanScore:
    model: str
    dtype: str
    variant: str
    accused: Place | None
    passed: bool
    fastvideo: dict[str, Place | None]

    @property
    def is_false_alarm(self) -> bool:
        return not self.passed


@dataclass
class Scores:
    bugs: list[BugScore] = field(default_factory=list)
    clean: list[CleanScore] = field(default_factory=list)

    def as_json(self) -> str:
        bugs = [asdict(score) | {"outcome": score.outcome} for score in self.bugs]
        clean = [asdict(score) | {"false_alarm": score.is_false_alarm} for score in self.clean]
        return json.dumps({"bugs": bugs, "clean": clean}, indent=1) + "\n"


def without_inputs(trace: pathlib.Path) -> pathlib.Path:
    """The same trace, as if only outputs had been recorded."""
    lines = trace.read_text().splitlines(keepends=True)
    outputs = [line for line in lines if not json.loads(line)["tensor"].startswith("in[")]
    path = trace.with_suffix(".outputs.jsonl")
    path.write_text("".join(outputs))
    return path


def estimate(verdict: dict) -> float | None:
    first = verdict["first_diverged"]
    return first and first["error"]


@dataclass
class Run:
    """One model in one dtype: a reference, and all that is compared with it."""

    programs: Programs
    model: Model
    dtype: str

    def __post_init__(self):
        self.reference = self.model.trace_reference("plain", self.dtype)
        self.reference_outputs = without_inputs(self.reference)

    def score_bug(self, expected: Expected) -> BugScore:
        port = self.model.trace_port(self.programs, expected.bug, self.dtype, *ONE_THREAD, "--bug", expected.bug)
        verdict = self.programs.diff(self.reference, port)
        outputs = self.programs.diff(self.reference_outputs, without_inputs(port))
        diagnosis = found_diagnosis(verdict)
        score = BugScore(
            self.model.name,
            self.dtype,
            expected.bug,
            expected.place,
            expected.diagnoses,
            found_place(verdict),
            estimate(verdict),
            diagnosis,
            expected.judge_diagnosis(diagnosis),
            found_place(outputs),
            fastvideo.compare(self.reference, port, self.dtype),
        )
        if not score.is_found:
            score.floor = measure(self.programs, self.model, self.dtype, expected, ONE_THREAD)
        return score

    def score_clean(self, variant: str, reference: pathlib.Path, port: pathlib.Path, *options: str) -> CleanScore:
        verdict = self.programs.diff(reference, port, *options)
        ways = fastvideo.compare(reference, port, self.dtype)
        passed = verdict["exit_status"] == 0
        return CleanScore(self.model.name, self.dtype, variant, found_place(verdict), passed, ways)

    def score_variant(self, name: str, variants: tuple[str, ...]) -> CleanScore:
        options = [option for variant in variants for option in ("--variant", variant)]
        port = self.model.trace_port(self.programs, name, self.dtype, *ONE_THREAD, *options)
        return self.score_clean(name, self.reference, port)

    def score_plain(self, threads: str) -> CleanScore:
        port = self.model.trace_port(self.programs, f"threads-{threads}", self.dtype, "--threads", threads)
        return self.score_clean(f"threads {threads}", self.reference, port)

    def score_reference(self, variant: str, *options: str) -> CleanScore:
        """The reference against itself."""
        return self.score_clean(variant, self.reference, self.model.trace_reference(variant, self.dtype, *options))


def score_bf16_with_noise(run_fp32: Run, run_bf16: Run) -> CleanScore:
    """A bfloat16 port against the float32 reference, which is said to be as far off as the bfloat16 reference."""
    port = run_bf16.model.trace_port(run_bf16.programs, "threads-1", "bf16", *ONE_THREAD)
    return run_bf16.score_clean(
        "bf16 against fp32, with --noise", run_fp32.reference, port, "--noise", str(run_bf16.reference)
    )


def score_model(programs: Programs, model: Model, dtypes, bugs, variants, progress) -> Scores:
    model.make()
    scores, runs = Scores(), {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for dtype in dtypes:
            run = runs[dtype] = Run(programs, model, dtype)
            table = read_table(dtype, STEPS[model.config])
            wanted = [expected for bug, expected in table.items() if bug in bugs and dtype in expected.dtypes]
            bug_scores = [pool.submit(run.score_bug, expected) for expected in wanted]
            clean_scores = [pool.submit(run.score_variant, variant, (variant,)) for variant in variants]
            if variants:
                clean_scores.append(pool.submit(run.score_variant, "several-at-once", SEVERAL_VARIANTS))
                clean_scores += [pool.submit(run.score_plain, threads) for threads in ("1", "2")]
                clean_scores += [
                    pool.submit(run.score_reference, "reference-one-thread", "--threads", "1"),
                    pool.submit(run.score_reference, "reference-math-attention", "--math-attention"),
                ]
            for future in bug_scores:
                scores.bugs.append(future.result())
                progress(scores.bugs[-1])
            scores.clean += [future.result() for future in clean_scores]
        if variants and set(dtypes) == set(DTYPES):
            scores.clean.append(score_bf16_with_noise(runs["fp32"], runs["bf16"]))
    return scores
