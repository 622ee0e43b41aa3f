"""What is said on stderr when a traced program ends."""

from __future__ import annotations

import sys

from fvhooks import activation_trace
from fvhooks.run_tree import Member, Root

_MOST_ROOTS = 50


def print_report(roots: list[Root], layers: str) -> None:
    if roots and layers and not any(root.has_targets for root in roots):
        activation_trace._warn_of_no_match(layers, [member.name for root in roots for member in root.members])
    for line in lines(roots):
        print(f"fvhooks: {line}", file=sys.stderr)


def lines(roots: list[Root]) -> list[str]:
    if not roots:
        return ["nothing was traced: no module was called from Python"]
    called = ", ".join(f"{root.name} ({root.calls} calls from outside)" for root in roots[:_MOST_ROOTS])
    if len(roots) > _MOST_ROOTS:
        called += f" and {len(roots) - _MOST_ROOTS} more"
    said = [f"traced to {roots[-1].trace.path}: {called}"]
    for root in roots:
        unseen = unseen_weights(root.members)
        if unseen:
            said.append(
                f"unseen: these modules of {root.name} have weights but were never called, so no record tells of them"
                " (not used, or used directly as by F.linear(x, module.weight)):"
            )
            said += [f"  {name}" for name in unseen]
    return said


def unseen_weights(members: list[Member]) -> list[str]:
    """Modules that have weights and were never called; a tree of them by its top alone, and how many it stands for."""
    seen = {name for member in members if member.called for name in _with_parents(member.name)}
    tops: dict[str, int] = {}
    for member in members:  # parents before children
        if member.called or not member.has_weights:
            continue
        top = next((name for name in reversed(_with_parents(member.name)) if name not in seen), member.name)
        tops[top] = tops.get(top, 0) + 1
    return [
        (top or "itself") + (f" ({count} modules with weights)" if count > 1 else "") for top, count in tops.items()
    ]


def _with_parents(name: str) -> list[str]:
    """a.b.c, a.b, a and the root."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(len(parts), 0, -1)] + ([""] if name else [])
