"""The command `fvtrace diff`, as a person or a script runs it."""

import base64
import json
import os
import pty
import random
import struct
import subprocess

import pytest
from programs import program


def fvtrace(*arguments, **options):
    return subprocess.run(
        [program("fvtrace"), *map(str, arguments)], capture_output=True, text=True, timeout=60, **options
    )


def sketch(values):
    return "1:64:" + base64.b64encode(struct.pack("<64f", *values)).decode()


def trace(noise=0.0, wrong_from=None, run="0badcafe"):
    """Two blocks of attention; from the event named `wrong_from` on, values are another tensor's."""
    records, is_wrong, jitter = [], False, random.Random(run)

    def event(module, tensor):
        nonlocal is_wrong
        is_wrong = is_wrong or (module, tensor) == wrong_from
        values = random.Random(f"{module} {tensor}")
        numbers = [values.gauss(0, 1) * (1 + noise * jitter.gauss(0, 1)) for _ in range(64)]
        if is_wrong:
            numbers.reverse()
        records.append(
            {
                "module": module,
                "tensor": tensor,
                "step": 0,
                "abs_mean": sum(map(abs, numbers)) / 64,
                "shape": [64],
                "dtype": "torch.float32",
                "call": 0,
                "seq": len(records),
                "run": run,
                "sketch": sketch(numbers),
            }
        )

    event("", "in[0]")
    for block in ("blocks.0", "blocks.1"):
        event(block, "in[0]")
        event(f"{block}.attn1", "in[0]")
        for leaf in ("to_q", "to_out.0"):
            event(f"{block}.attn1.{leaf}", "in[0]")
            event(f"{block}.attn1.{leaf}", "out")
        event(f"{block}.attn1", "out")
        event(block, "out")
    event("", "out")
    return records


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def write(tmp_path):
    def write_trace(name, records):
        path = tmp_path / name
        path.write_text(records if isinstance(records, str) else lines(records))
        return path

    return write_trace


@pytest.fixture
def reference(write):
    return write("reference.jsonl", trace())


@pytest.fixture
def wrong_port(write):
    return write("wrong.jsonl", trace(1e-7, wrong_from=("blocks.0.attn1.to_out.0", "in[0]")))


def test_a_clean_port_passes_with_status_0(reference, write):
    result = fvtrace("diff", reference, write("port.jsonl", trace(1e-7)))
    assert result.returncode == 0
    assert result.stdout.startswith("PASS")
    assert result.stderr == ""


def test_a_wrong_port_names_the_module_with_status_1(reference, wrong_port):
    result = fvtrace("diff", reference, wrong_port)
    assert result.returncode == 1
    assert result.stdout.splitlines()[0].startswith("DIVERGED  blocks.0.attn1 introduced the error (step 0, call 0)")


def test_json_carries_the_whole_verdict(reference, wrong_port):
    result = fvtrace("diff", "--json", reference, wrong_port)
    assert result.returncode == 1
    verdict = json.loads(result.stdout)
    assert verdict["schema"] == 1
    assert verdict["passed"] is False
    assert verdict["introducer"]["module"] == "blocks.0.attn1"
    assert verdict["introducer"]["by_inputs"] is True
    first = verdict["first_diverged"]
    assert (first["module"], first["tensor"]) == ("blocks.0.attn1.to_out.0", "in[0]")
    assert first["error"] > 1000 * first["threshold"]
    assert len(verdict["comparisons"]) == len(trace()) == sum(verdict["counts"].values())
    assert verdict["reference"]["path"] == str(reference)


def test_rtol_takes_the_place_of_the_model(reference, wrong_port):
    assert fvtrace("diff", "--rtol", "10", reference, wrong_port).returncode == 0
    assert fvtrace("diff", "--rtol", "0", reference, reference).returncode == 0


def test_standard_input_is_one_side(reference, wrong_port):
    assert fvtrace("diff", reference, "-", input=lines(trace())).returncode == 0
    assert fvtrace("diff", "-", wrong_port, input=lines(trace())).returncode == 1
    assert fvtrace("diff", "-", "-", input=lines(trace())).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["diff"],
        ["nonsense"],
        ["diff", "a"],
        ["diff", "/nonexistent", "/nonexistent"],
        ["diff", "/dev/null", "/dev/null"],
        ["diff", "/", "/"],
    ],
)
def test_what_cannot_run_has_status_2_and_says_why(arguments):
    result = fvtrace(*arguments)
    assert result.returncode == 2
    assert result.stderr.strip()
    assert result.stdout == ""


@pytest.mark.parametrize(
    "option",
    [["--rtol", "x"], ["--rtol", "nan"], ["--rtol", "inf"], ["--rtol", "-1"], ["--dtype", "float31"], ["--rows", "-1"]],
    ids=" ".join,
)
def test_a_bad_option_has_status_2_though_the_files_can_be_compared(option, reference):
    result = fvtrace("diff", *option, reference, reference)
    assert result.returncode == 2
    assert option[0] in result.stderr
    assert "no " in result.stderr, "it says what would do"
    assert result.stdout == ""


def test_an_empty_list_of_statuses_says_what_to_write(reference):
    result = fvtrace("diff", "--fail-on", "", reference, reference)
    assert result.returncode == 2
    assert "diverged,shape,non-finite" in result.stderr


def test_a_page_that_cannot_be_written_is_told_before_anything_is_read(tmp_path):
    result = fvtrace("diff", "--html", tmp_path / "none" / "page.html", "no-trace.jsonl", "no-trace.jsonl")
    assert result.returncode == 2
    assert "page.html" in result.stderr
    assert "no-trace" not in result.stderr


def test_an_unknown_command_is_named():
    result = fvtrace("dif", "a", "b")
    assert result.returncode == 2
    assert "dif" in result.stderr


def test_help_has_examples_and_the_exit_statuses():
    result = fvtrace("diff", "--help")
    assert result.returncode == 0
    assert "Examples:" in result.stdout
    assert "Exit status:\n  0   " in result.stdout
    assert fvtrace("--help").returncode == 0
    assert fvtrace("--version").stdout.startswith("fvtrace ")


def test_fastvideos_own_files_are_read(write):
    # Spaces, bare NaN, no call, no seq; the second pass of guidance is the second record of a module.
    own = "".join(
        f'{{"module": "{module}", "tensor": "out", "step": {step}, "abs_mean": {value}, "sum": {value}}}\n'
        for step in (0, 1)
        for module, value in (("a", "0.5"), ("b", "NaN"), ("a", "0.25"))
    )
    path = write("fastvideo.jsonl", own)
    same = fvtrace("diff", "--json", path, path)
    assert same.returncode == 1
    assert [c["call"] for c in json.loads(same.stdout)["comparisons"]] == [0, 0, 1, 0, 0, 1]
    finite = json.loads(fvtrace("diff", "--json", path, write("finite.jsonl", own.replace("NaN", "1.0"))).stdout)
    assert finite["first_diverged"]["module"] == "b"
    assert finite["first_diverged"]["status"] == "non-finite"
    assert any("--dtype" in note for note in finite["notes"])


def test_a_trace_with_ours_keys_is_compared_with_fastvideos(reference, write):
    own = [
        {key: record[key] for key in ("module", "tensor", "step", "abs_mean")}
        for record in trace()
        if record["tensor"] == "out" and record["module"]
    ]
    verdict = json.loads(fvtrace("diff", "--json", reference, write("fastvideo.jsonl", own)).stdout)
    assert verdict["passed"] is True
    assert not any(comparison["by_sketch"] for comparison in verdict["comparisons"])


def test_a_torn_line_and_rubbish_are_named_with_file_and_line(reference, write):
    port = write("torn.jsonl", "rubbish\n" + lines(trace())[:-20])
    result = fvtrace("diff", reference, port)
    assert result.returncode == 1, "the record in the torn line is missing"
    assert f"{port}:1: " in result.stdout
    assert f"{port}:{len(trace()) + 1}: " in result.stdout


def test_missing_modules_are_one_line_a_subtree(reference, write):
    port = write("port.jsonl", [record for record in trace() if not record["module"].startswith("blocks.1")])
    result = fvtrace("diff", reference, port)
    assert result.returncode == 1
    assert "blocks.1.* missing in the port" in result.stdout


def test_infinite_errors_are_strings_in_json(write):
    def constant(value):
        numbers = [value] * 64
        return [
            {
                "module": "a",
                "tensor": "out",
                "step": None,
                "abs_mean": value,
                "call": 0,
                "seq": 0,
                "run": "00000000",
                "sketch": sketch(numbers),
            }
        ]

    result = fvtrace("diff", "--json", write("zero.jsonl", constant(0.0)), write("one.jsonl", constant(1.0)))
    verdict = json.loads(result.stdout, parse_constant=lambda word: pytest.fail(word))
    assert verdict["first_diverged"]["error"] == "Infinity"


def run_on_terminal(arguments, environment):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [program("fvtrace"), *map(str, arguments)], stdout=follower, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(follower)
    output = b""
    try:
        while chunk := os.read(leader, 65536):
            output += chunk
    except OSError:  # the other end was closed
        pass
    os.close(leader)
    process.wait(timeout=60)
    return output


def test_colours_are_for_terminals_that_want_them(reference, wrong_port):
    arguments = ["diff", reference, wrong_port]
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    assert "\x1b" not in fvtrace(*arguments).stdout
    assert b"\x1b[" in run_on_terminal(arguments, environment)
    assert b"\x1b[" not in run_on_terminal(arguments, environment | {"NO_COLOR": "1"})


def test_a_reader_that_leaves_early_keeps_the_exit_status(reference, wrong_port):
    process = subprocess.Popen(
        [program("fvtrace"), "diff", "--json", reference, wrong_port], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 1


def test_a_full_disk_is_reported(reference):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [program("fvtrace"), "diff", reference, reference], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 2
    assert "standard output" in result.stderr
