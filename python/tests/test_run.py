"""`python -m fvhooks run` runs a program as plain Python does."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

import pytest
from programs import REPOSITORY

import fvhooks

PACKAGES = str(Path(fvhooks.__file__).parent.parent)
STARTUP = REPOSITORY / "python" / "fvhooks_startup.pth"
RUN = [sys.executable, "-m", "fvhooks", "run"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "neighbour.py").write_text("name = 'neighbour'\n")
    (tmp_path / "package").mkdir()
    return tmp_path


def completed(command, folder, **environment):
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": PACKAGES, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def same_as_plain_python(folder, arguments, flags=()):
    plain = completed([sys.executable, *flags, *arguments], folder)
    traced = completed([sys.executable, *flags, "-m", "fvhooks", "run", *arguments], folder)
    assert (traced.returncode, traced.stdout, traced.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    return plain


PROGRAMS = {
    "what it sees": """
        import os, sys
        import neighbour
        main = sys.modules["__main__"]
        print(sys.argv, sys.path, sys.flags, sys.warnoptions, os.environ.get("PYTHONPATH"))
        print(__name__, __file__, __doc__, __spec__ and __spec__.name, main.__dict__ is globals(), sorted(globals()))
        print(sorted(name for name in sys.modules if "fvhooks" in name or name == "torch") if neighbour is None else "")
    """,
    "SystemExit with a status": "import sys; sys.exit(7)",
    "SystemExit with a message": "import sys; sys.exit('what went wrong')",
    "an exception": "def fails():\n    raise ValueError('on purpose')\nfails()",
    "a syntax error": "this is no Python",
    "a handler at exit": "import atexit; atexit.register(print, 'last words'); 1 / 0",
    "a pickle of its own class": """
        import pickle
        class Own: pass
        print(pickle.loads(pickle.dumps(Own())).__class__)
    """,
    "killed by a signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupted": "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('not reached')",
    "a spawned process": """
        import multiprocessing, os
        def work(): print("child", os.environ.get("PYTHONPATH"), flush=True)
        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=work)
            child.start()
            child.join()
            print(child.exitcode)
    """,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_script(folder, program):
    (folder / "elsewhere" / "script.py").write_text(textwrap.dedent(PROGRAMS[program]))
    same_as_plain_python(folder, ["elsewhere/script.py", "--component", "-m", "x y"])


@pytest.mark.parametrize("program", ["what it sees", "an exception"])
def test_a_module(folder, program):
    code = textwrap.dedent(PROGRAMS[program]).replace("import neighbour", "neighbour = 1")
    (folder / "package" / "__main__.py").write_text(code)
    same_as_plain_python(folder, ["-m", "package", "-m", "--step-from"])


def test_the_interpreters_own_options_are_kept(folder):
    (folder / "script.py").write_text("import sys; print(sys.flags, sys._xoptions, sys.warnoptions); assert False")
    plain = same_as_plain_python(folder, ["script.py"], flags=["-O", "-X", "dev", "-W", "error::UserWarning"])
    assert "optimize=1" in plain.stdout


@pytest.mark.parametrize("arguments", [["nowhere.py"], ["-m", "no_such_module"]])
def test_a_program_that_is_not_there(folder, arguments):
    assert same_as_plain_python(folder, arguments).returncode != 0


def test_a_sitecustomize_of_the_programs_own_is_imported_too(folder):
    (folder / "sitecustomize.py").write_text("print('mine', __name__, __file__)\n")
    (folder / "script.py").write_text("import sys; print(sys.modules['sitecustomize'].__file__)\n")
    paths = os.pathsep.join([str(folder), PACKAGES])
    plain = completed([sys.executable, "script.py"], folder, PYTHONPATH=paths)
    traced = completed([*RUN, "script.py"], folder, PYTHONPATH=paths)
    mine, of_script = plain.stdout.splitlines(keepends=True)
    assert mine.startswith("mine sitecustomize")
    assert (traced.stdout, traced.stderr) == (mine + mine + of_script, "")  # that of `run` itself is the first


def test_an_interrupt_reaches_the_program(folder):
    (folder / "script.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [*RUN, "script.py"], cwd=folder, env={**os.environ, "PYTHONPATH": PACKAGES}, stdout=-1, stderr=-1, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which program?"),
        (["--component", "transformer", "script.py"], "'transformer' is not of the form NAME=EXPR"),
        (["--component", "transformer=pipe.", "script.py"], "'pipe.' is no Python expression"),
    ],
)
def test_a_command_line_that_cannot_be_run(folder, arguments, said):
    result = completed([*RUN, *arguments], folder)
    assert result.returncode == 2
    assert said in result.stderr


def test_torch_is_not_imported_by_us(folder):
    (folder / "script.py").write_text("import sys; print('torch' in sys.modules)\n")
    assert completed([*RUN, "script.py"], folder).stdout == "False\n"


def imported(folder, **environment):
    """The modules that Python imports as it starts where the package is installed."""
    (folder / "site").mkdir()
    (folder / "site" / "fvhooks_startup.pth").write_text(STARTUP.read_text())
    code = f"import site, sys; before = set(sys.modules); site.addsitedir({str(folder / 'site')!r}); "
    code += "print(sorted(set(sys.modules) - before))"
    # -S: in this environment the package is installed already.
    result = completed([sys.executable, "-S", "-c", code], folder, **environment)
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("off", [{}, {"FASTVIDEO_TRACE_ACTIVATIONS": "0"}])
def test_off_nothing_is_imported(folder, off):
    assert imported(folder, **off) == "[]\n"


@pytest.mark.parametrize("on", ["1", ""])
def test_on_what_waits_for_torch_is_imported(folder, on):
    modules = imported(folder, FASTVIDEO_TRACE_ACTIVATIONS=on)
    assert "fvhooks.run_startup" in modules
    assert "'torch'" not in modules


MODEL_THAT_FAILS = """
import torch
from torch import nn

class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("on purpose")

model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(Fails()))
try:
    model(torch.ones(1, 2))
except ValueError as error:
    raise RuntimeError("once more") from error
"""


def test_a_model_is_traced_and_its_traceback_is_that_of_plain_python(folder):
    (folder / "script.py").write_text(MODEL_THAT_FAILS)
    plain = completed([sys.executable, "script.py"], folder)
    traced = completed([*RUN, "script.py"], folder, FASTVIDEO_TRACE_OUTPUT="trace.jsonl")
    assert (plain.returncode, traced.returncode) == (1, 1)
    error, said = traced.stderr.split("fvhooks: ", 1)
    assert error == plain.stderr
    assert said == "traced to trace.jsonl: model (1 calls from outside)\n"
    (record,) = map(json.loads, (folder / "trace.jsonl").read_text().splitlines())
    assert (record["root"], record["module"]) == ("model", "0")


def test_the_environment_alone_traces_where_the_package_is_installed(folder):
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python3*/site-packages")
    (site / "here.pth").write_text("\n".join([PACKAGES, sysconfig.get_path("purelib"), ""]))
    (site / "then_startup.pth").write_text(STARTUP.read_text())
    (folder / "script.py").write_text(MODEL_THAT_FAILS)
    environment = {"PYTHONPATH": "", "FASTVIDEO_TRACE_OUTPUT": "trace.jsonl"}
    traced = completed([python, "script.py"], folder, FASTVIDEO_TRACE_ACTIVATIONS="1", **environment)
    assert "fvhooks: traced to trace.jsonl: model" in traced.stderr
    off = completed([python, "script.py"], folder, **environment)
    assert off.returncode == 1 and "fvhooks" not in off.stderr
