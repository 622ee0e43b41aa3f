"""`cmake --install`: somebody else's project (examples/consumer) finds what it needs in the installed tree, and nothing else."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from programs import BIN, REPOSITORY

CONSUMER = REPOSITORY / "examples" / "consumer"


def run(*command, expect=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("installed") / "moved here"
    first = prefix.with_name("prefix")
    run("cmake", "--install", BIN.parent, "--prefix", first, "--component", "development")
    first.rename(prefix)  # an installed tree can be moved
    return prefix


def configure_consumer(installed, folder, *options, expect=0):
    return run(
        "cmake", "-S", CONSUMER, "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={installed}", *options, expect=expect
    )  # fmt: skip


def test_a_project_without_torch_links_the_installed_libraries(installed, tmp_path):
    configure_consumer(installed, tmp_path / "build")
    run("cmake", "--build", tmp_path / "build")
    done = run(tmp_path / "build" / "compare_runs", "reference.jsonl", "port.jsonl", expect=1, cwd=tmp_path)
    assert done.stdout == "first divergent: layer\n"


def test_pkg_config_knows_all_that_the_linker_needs(installed, tmp_path):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(next(installed.glob("lib*/**/pkgconfig")))}
    listed = run("pkg-config", "--cflags", "--libs", "fvhooks-core", env=environment).stdout
    command = f"g++ -std=c++20 {CONSUMER / 'compare_runs.cc'} {listed.strip()} -o compare_runs"
    run("sh", "-c", command, cwd=tmp_path)
    run(tmp_path / "compare_runs", "reference.jsonl", "port.jsonl", expect=1, cwd=tmp_path)


def test_a_project_with_torch_traces_its_module(installed, tmp_path):
    configure_consumer(installed, tmp_path / "build", "-DWITH_TORCH=ON", f"-DPython_EXECUTABLE={sys.executable}")
    run("cmake", "--build", tmp_path / "build", "--target", "traced_model")
    trace = tmp_path / "trace.jsonl"
    environment = {**os.environ, "FASTVIDEO_TRACE_ACTIVATIONS": "1", "FASTVIDEO_TRACE_OUTPUT": str(trace)}
    run(tmp_path / "build" / "traced_model", env=environment)
    assert '"module":"proj"' in trace.read_text().replace(" ", "")


def test_a_project_with_another_torch_is_told_which_one_fvhooks_was_built_for(installed, tmp_path):
    package = tmp_path / "site" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "version.py").write_text("__version__ = '1.13.0'\n")
    done = run(
        "cmake", "-S", CONSUMER, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed}", "-DWITH_TORCH=ON",
        f"-DPython_EXECUTABLE={sys.executable}", expect=1, env={**os.environ, "PYTHONPATH": str(package.parent)},
    )  # fmt: skip
    assert "fvhooks was built for torch" in done.stderr and "1.13.0" in done.stderr


def test_each_header_free_of_torch_compiles_alone_by_two_compilers(installed, tmp_path):
    include = installed / "include"
    headers = sorted(path.relative_to(include) for path in (include / "fvhooks").glob("*.h"))
    assert len(headers) > 20
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]

    def compile_alone(compiler, header):
        source = tmp_path / f"{header.stem}.cc"
        source.write_text(f"#include <{header}>\n")
        run(compiler, "-std=c++20", *warnings, f"-I{include}", "-fsyntax-only", source)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_alone, *zip(*product(("g++", "clang++-19"), headers))))
