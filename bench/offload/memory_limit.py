"""A limit on the memory of a process, page cache included: a cgroup with a memory controller, version 1 or 2."""

import contextlib
import os
import pathlib
import subprocess
from collections.abc import Iterator

_ROOT = pathlib.Path("/sys/fs/cgroup")


class NoMemoryLimit(Exception):
    """Why none can be made here."""


def _own_groups() -> dict[str, str]:
    """Path by controller; version 2's is that of no name."""
    lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    fields = (line.split(":", 2) for line in lines)
    return {controller: path for _, controllers, path in fields for controller in controllers.split(",")}


def _candidate() -> tuple[pathlib.Path, str]:
    """The group that this process is in, and the file in a child of it that holds the limit."""
    groups = _own_groups()
    if "memory" in groups:
        return _ROOT / "memory" / groups["memory"].lstrip("/"), "memory.limit_in_bytes"
    return _ROOT / groups.get("", "").lstrip("/"), "memory.max"


@contextlib.contextmanager
def memory_limit(limit: int, name: str) -> Iterator[pathlib.Path]:
    """A group to which a process is added by writing its id to cgroup.procs; its processes must be over at the end."""
    parent, file = _candidate()
    group = parent / f"fvhooks-bench-{os.getpid()}-{name}"
    try:
        group.mkdir()
    except OSError as trouble:
        raise NoMemoryLimit(f"no memory cgroup can be made here: {trouble.strerror}") from None
    try:
        try:
            (group / file).write_text(str(limit))
        except OSError as trouble:
            raise NoMemoryLimit(f"this cgroup has no memory controller to give: {trouble.strerror}") from None
        yield group
    finally:
        group.rmdir()


def start_inside(group: pathlib.Path, command: list, **options) -> subprocess.Popen:
    """Inside from its first instruction on, so that all its memory counts."""
    enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    return subprocess.Popen(["/bin/sh", "-c", enter, group, *command], **options)
