"""Threads, forks, ranks, and the beginning and end of the interpreter."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

import fvhooks
from fvhooks import attach_activation_trace, current_step_idx, detach_activation_trace, trace_step

PACKAGE = Path(fvhooks.__file__).parent


def run_python(code, path=PACKAGE.parent, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_one_model_on_many_threads(trace):
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    manager = attach_activation_trace(model)
    calls, workers = 50, 8

    def work(step):
        for i in range(calls):
            with trace_step(step):
                model(torch.full((4, 8), float(i)))

    threads = [threading.Thread(target=work, args=(step,)) for step in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    detach_activation_trace(manager)
    records = trace.records()
    expected = {(m, step, call) for m in ("0", "1") for step in range(workers) for call in range(calls)}
    assert len(records) == len(expected)
    assert {(r["module"], r["step"], r["call"]) for r in records} == expected
    assert {r["seq"] for r in records} == set(range(len(records)))


def test_warnings_on_many_threads_do_not_stop_one_another(trace):
    trace.set(OUTPUT="/dev/full")
    models = [nn.Sequential(nn.ReLU()) for _ in range(8)]
    managers = [attach_activation_trace(model) for model in models]

    def work(model):
        for _ in range(100):
            fvhooks.JsonlSink("/dev/full").write({})
            model(torch.ones(1))

    threads = [threading.Thread(target=work, args=(model,), daemon=True) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    for manager in managers:
        detach_activation_trace(manager)


def test_detaching_while_forwards_run(trace):
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    x = torch.ones(4, 8)
    expected = model(x)
    stop = threading.Event()
    wrong = []

    def work():
        while not stop.is_set():
            if not torch.equal(model(x), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            detach_activation_trace(attach_activation_trace(model))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_forked_child_is_a_run_of_its_own_in_a_file_of_its_own(trace, tmp_path):
    trace.set(OUTPUT=str(tmp_path / "<pid>.jsonl"))
    code = """
        import os, torch
        from torch import nn
        from fvhooks import attach_activation_trace, detach_activation_trace
        torch.set_num_threads(1)
        model = nn.Sequential(nn.ReLU())
        manager = attach_activation_trace(model)
        model(torch.ones(1))
        child = os.fork()
        model(torch.ones(1))
        if child == 0:
            detach_activation_trace(manager)
            os._exit(0)
        os.waitpid(child, 0)
        model(torch.ones(1))
        detach_activation_trace(manager)
        print(os.getpid(), child)
    """
    finished = run_python(code)
    assert finished.returncode == 0, finished.stderr
    runs = []
    for pid, calls in zip(finished.stdout.split(), (3, 1)):
        trace.path = tmp_path / f"{pid}.jsonl"
        records = trace.records()
        assert [record["seq"] for record in records] == list(range(calls))
        runs.append({record["run"] for record in records})
    assert all(len(run) == 1 for run in runs)
    assert runs[0] != runs[1]


def test_the_rank_is_recorded_under_torch_distributed(trace, tmp_path):
    code = """
        import torch
        from torch import nn
        from fvhooks import attach_activation_trace
        torch.distributed.init_process_group("gloo", init_method="file://" + RENDEZVOUS, rank=0, world_size=1)
        model = nn.Sequential(nn.ReLU())
        manager = attach_activation_trace(model)
        model(torch.ones(1))
        torch.distributed.destroy_process_group()
    """.replace("RENDEZVOUS", repr(str(tmp_path / "rendezvous")))
    finished = run_python(code)
    assert finished.returncode == 0, finished.stderr
    assert [record["rank"] for record in trace.records()] == [0]


def test_a_program_may_end_without_detaching_and_hears_of_lost_records(trace):
    trace.set(OUTPUT="/dev/full")
    code = """
        import torch
        from torch import nn
        from fvhooks import attach_activation_trace
        model = nn.Sequential(nn.ReLU())
        manager = attach_activation_trace(model)
        model(torch.ones(1))
        model(torch.ones(1))
        import sys
        sys.keep = manager, model
    """
    finished = run_python(code)
    assert finished.returncode == 0, finished.stderr
    assert "/dev/full" in finished.stderr
    assert "2 trace records" in finished.stderr


def test_held_back_lines_are_written_when_the_program_ends(trace):
    trace.set(BATCH="100")
    code = """
        import torch
        from torch import nn
        from fvhooks import attach_activation_trace
        model = nn.Sequential(nn.ReLU())
        manager = attach_activation_trace(model)
        model(torch.ones(1))
    """
    assert run_python(code).returncode == 0
    assert len(trace.records()) == 1


def package_with(tmp_path, build):
    copied = tmp_path / "fvhooks"
    shutil.copytree(PACKAGE, copied)
    if build is None:
        (copied / "_build.py").unlink()
    else:
        (copied / "_build.py").write_text(build)
    return tmp_path


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            'VERSION = "0.1.0"\nTORCH_VERSION = "1.2.3"\n',
            ["built for torch 1.2.3", torch.__version__],
        ),
        (None, ["not a built package"]),
    ],
)
def test_a_package_for_another_torch_and_an_unbuilt_one_say_so(tmp_path, build, said):
    finished = run_python("from fvhooks import trace_step", path=package_with(tmp_path, build))
    assert finished.returncode != 0
    assert "ImportError" in finished.stderr
    assert all(part in finished.stderr for part in said)


def test_the_step_is_none_in_a_new_thread():
    seen = []
    with trace_step(1):
        thread = threading.Thread(target=lambda: seen.append(current_step_idx()))
        thread.start()
        thread.join()
    assert seen == [None]
