"""The scores in docs/zoo.md, between its markers."""

import re

from zoo import report
from zoo.programs import REPOSITORY
from zoo.score import Scores

PAGE = REPOSITORY / "docs/zoo.md"
BEGIN, END = "<!-- made by python -m zoo --write-docs -->\n", "<!-- end -->"


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def summary(scores: Scores) -> str:
    """A column for each model and dtype."""
    parts = {}
    for score in (*scores.bugs, *scores.clean):
        part = parts.setdefault(f"{score.model}, {score.dtype}", Scores())
        (part.bugs if hasattr(score, "bug") else part.clean).append(score)
    counted = {name: report.counts(part) for name, part in parts.items()}
    what = next(iter(counted.values()))
    return markdown(("", *counted), [(key, *(str(counts[key]) for counts in counted.values())) for key in what])


def details(scores: Scores) -> str:
    first_model = scores.bugs[0].model
    rows = [report.row(score) for score in scores.bugs if score.model == first_model]
    return markdown(report.HEADER, rows)


def write(scores: Scores) -> None:
    text = f"{BEGIN}\n{report.last_line(scores)}\n\n{summary(scores)}\n{details(scores)}\n{END}"
    page = PAGE.read_text()
    marked = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    if not marked.search(page):
        raise SystemExit(f"{PAGE}: its markers are missing: {BEGIN.strip()} … {END}")
    PAGE.write_text(marked.sub(lambda _: text, page))
