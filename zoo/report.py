"""The scores as a table for a terminal and for the documentation."""

from collections import Counter

from zoo.expected import NONE
from zoo.score import BugScore, Scores

HEADER = (
    "bug",
    "dtype",
    "expected",
    "found",
    "estimate",
    "diagnosis",
    "outcome",
    "without inputs",
    "tolerance",
    "text",
)


def row(score: BugScore) -> tuple[str, ...]:
    diagnosis = "–" if score.diagnosis == NONE else score.diagnosis
    if score.diagnosis_score == "wrong":
        diagnosis += " (wrong)"
    elif score.diagnosis == NONE and NONE not in score.diagnoses:
        diagnosis = f"– (not {' or '.join(score.diagnoses)})"
    return (
        score.bug,
        score.dtype,
        str(score.expected),
        "=" if score.is_found else str(score.found or "–"),
        "–" if score.estimate is None else f"{float(score.estimate):.1e}",
        diagnosis,
        score.outcome,
        "found" if score.without_inputs == score.expected else "missed",
        score.fastvideo_outcome("tolerance"),
        score.fastvideo_outcome("text"),
    )


def table(scores: list[BugScore]) -> str:
    rows = [HEADER, *map(row, scores)]
    widths = [max(len(line[i]) for line in rows) for i in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows)


def counts(scores: Scores) -> dict[str, int | str]:
    outcomes = Counter(score.outcome for score in scores.bugs)
    wanting = [score for score in scores.bugs if NONE not in score.diagnoses]
    return {
        "bugs": len(scores.bugs),
        "found": outcomes["found"],
        "below the floor": outcomes["below the floor"],
        "missed": outcomes["missed"],
        "found without inputs": sum(score.without_inputs == score.expected for score in scores.bugs),
        "diagnoses right": f"{sum(score.diagnosis_score == 'right' for score in wanting)} of {len(wanting)}",
        "diagnoses wrong": sum(score.diagnosis_score == "wrong" for score in scores.bugs),
        "clean comparisons": len(scores.clean),
        "false alarms": sum(score.is_false_alarm for score in scores.clean),
    } | {
        f"FastVideo, {way}: {what}": number
        for way in ("tolerance", "text")
        for what, number in baseline(scores, way).items()
    }


def baseline(scores: Scores, way: str) -> dict[str, int]:
    outcomes = Counter(score.fastvideo_outcome(way) for score in scores.bugs)
    return {
        "found": outcomes["found"],
        "false": outcomes["false"],
        "missed": outcomes["missed"],
        "false alarms": sum(score.fastvideo[way] is not None for score in scores.clean),
    }


def last_line(scores: Scores) -> str:
    ours, theirs = counts(scores), baseline(scores, "tolerance")
    below = f" ({ours['below the floor']} below the floor)" if ours["below the floor"] else ""
    return (
        f"zoo: {ours['found']} of {ours['bugs']} found{below}, {ours['false alarms']} false alarms; "
        f"baseline: {theirs['found']} of {ours['bugs']} found, {theirs['false alarms']} false alarms"
    )


def false_alarms(scores: Scores) -> str:
    return "\n".join(
        f"false alarm: {score.model}, {score.dtype}, {score.variant}: {score.accused or 'records differ'}"
        for score in scores.clean
        if score.is_false_alarm
    )


def floors(scores: Scores) -> str:
    return "\n".join(
        f"{score.outcome}: {score.model}, {score.dtype}, {score.bug}: effect {score.floor.effect:.2e}, "
        f"floor of clean variants {score.floor.floor:.2e}"
        for score in scores.bugs
        if score.floor
    )
