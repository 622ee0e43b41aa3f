"""Tracebacks of a traced program are those that it has without a trace."""

from __future__ import annotations

import sys
from types import TracebackType


def leave_frames_out_of_tracebacks(file: str) -> None:
    """Of what ends the program, not of what it prints itself."""
    print_exception = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        strip(error, file)
        print_exception(kind, error, error.__traceback__)

    sys.excepthook = excepthook


def strip(error: BaseException, file: str) -> None:
    """Takes the frames of `file` out of the tracebacks of an exception and of those that led to it."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = _without(current.__traceback__, file)
        todo += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]


def _without(traceback: TracebackType | None, file: str) -> TracebackType | None:
    entries = []
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename != file:
            entries.append(traceback)
        traceback = traceback.tb_next
    for entry, following in zip(entries, [*entries[1:], None]):
        entry.tb_next = following
    return entries[0] if entries else None
