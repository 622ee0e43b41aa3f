"""Imported by Python as it starts, in a program that `python -m fvhooks run` runs."""

import importlib
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _leave_path():
    """As if this folder had never been on the path, for the program and for the processes that it starts."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _FOLDER]
    inherited = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    entries = [entry for entry in inherited if os.path.abspath(entry) != _FOLDER]
    if entries:
        os.environ["PYTHONPATH"] = os.pathsep.join(entries)


def _start_tracing():
    # It may be neither installed nor on PYTHONPATH, but found in the folder where `python -m fvhooks` was said.
    home = os.path.dirname(os.path.dirname(_FOLDER))
    sys.path.append(home)
    try:
        importlib.import_module("fvhooks.run_startup").start()
    finally:
        sys.path.pop()


def _import_hidden_sitecustomize():
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_leave_path()
try:
    _start_tracing()
finally:
    _import_hidden_sitecustomize()
