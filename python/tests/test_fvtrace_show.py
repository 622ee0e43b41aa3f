"""The commands `fvtrace show`, `stats` and `check`, as a person or a script runs them."""

import fcntl
import json
import os
import subprocess
import time

import pytest
import report_traces
from programs import program


def fvtrace(*arguments, **options):
    return subprocess.run(
        [program("fvtrace"), *map(str, arguments)], capture_output=True, text=True, timeout=60, **options
    )


def test_a_bad_step_is_told_by_the_option(tmp_path):
    result = fvtrace("show", "--step", "x", tmp_path / "none.jsonl")
    assert result.returncode == 2
    assert '--step x: "x" is neither a step' in result.stderr
    assert "FASTVIDEO" not in result.stderr


RECORDS = report_traces.trace(blocks=2, steps=3, calls=2)


@pytest.fixture
def write(tmp_path):
    def write_trace(records, name="trace.jsonl"):
        path = tmp_path / name
        if isinstance(records, str):
            path.write_text(records)
            return path
        return report_traces.write(path, records)

    return write_trace


@pytest.fixture
def trace(write):
    return write(RECORDS)


def shown(*arguments, **options):
    """The records that `show --json` shows."""
    result = fvtrace("show", "--json", *arguments, **options)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def seqs(records):
    return [record["seq"] for record in records]


def test_show_is_a_table_in_the_order_of_the_file(trace):
    result = fvtrace("show", trace)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["module", "tensor", "step", "call", "abs_mean", "max", "shape", "dtype"]
    assert len(lines) == 1 + len(RECORDS)
    assert lines[1].split()[:4] == ["(root)", "in[0]", "0", "0"]
    assert lines[1].split()[-2:] == ["[4,16]", "float32"]
    assert float(lines[1].split()[4]) == pytest.approx(RECORDS[0]["abs_mean"], rel=1e-5)
    assert len({line.index(" in[0]") for line in lines if " in[0]" in line}) == 1, "columns stand under each other"


def test_show_json_gives_whole_records(trace):
    assert shown(trace) == RECORDS


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        (["--module", "blocks.*.attn1"], lambda r: r["module"].endswith(".attn1")),
        (["--module", "blocks.?"], lambda r: r["module"] in ("blocks.0", "blocks.1")),
        (["--module", ""], lambda r: r["module"] == ""),
        (["--module", "proj_out", "--module", "*to_q"], lambda r: r["module"].endswith(("proj_out", "to_q"))),
        (["--regex", r"attn1\.to_[qk]$"], lambda r: r["module"].endswith("attn1.to_q")),
        (["--regex", r"^(?!blocks)"], lambda r: not r["module"].startswith("blocks")),
        (["--tensor", "in*"], lambda r: r["tensor"] == "in[0]"),
        (["--step", "0,2-9"], lambda r: r["step"] in (0, 2)),
        (["--call", "1"], lambda r: r["call"] == 1),
        (["--run", report_traces.RUN], lambda r: True),
        (["--run", "ffffffff"], lambda r: False),
        (["--root", "vae"], lambda r: False),
        (["--rank", "0"], lambda r: False),
        (
            ["--module", "*norm1", "--step", "1", "--tensor", "out"],
            lambda r: (r["module"][-5:], r["step"], r["tensor"]) == ("norm1", 1, "out"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_show_filters(trace, options, passes):
    assert shown(*options, trace) == [record for record in RECORDS if passes(record)]


def test_show_finds_what_is_not_finite(write):
    records = [
        {"module": name, "tensor": "out", "step": None, "sum": total, **more}
        for name, total, more in [
            ("a", 1.0, {}),
            ("b", "NaN", {"nan": 1}),
            ("c", "-Infinity", {}),
            ("d", 2.0, {"inf": 3}),
        ]
    ]
    path = write(records)
    assert [record["module"] for record in shown("--non-finite", path)] == ["b", "c", "d"]
    assert [record["module"] for record in shown("--non-finite", "--head", "1", path)] == ["b"]


def test_show_head_and_tail(trace):
    assert seqs(shown("--head", "3", trace)) == [0, 1, 2]
    assert seqs(shown("--tail", "3", trace)) == seqs(RECORDS)[-3:]
    assert shown("--tail", "0", trace) == []
    assert seqs(shown("--head", "0", trace)) == seqs(RECORDS)


def test_show_sorts_by_a_column(trace):
    by_max = sorted(RECORDS, key=lambda record: record["max"])
    assert shown("--sort", "max", "--head", "0", trace) == by_max
    assert seqs(shown("--sort", "max", "--head", "5", trace)) == seqs(by_max)[:5]
    assert seqs(shown("--sort", "max", "--reverse", "--head", "5", trace)) == seqs(by_max)[::-1][:5]
    by_module = sorted(RECORDS, key=lambda record: (record["module"] or "(root)", record["seq"]))
    assert seqs(shown("--sort", "module", "--head", "0", trace)) == seqs(by_module)


def test_show_sorted_shows_a_hundred_rows_unless_told_otherwise(write):
    path = write(report_traces.trace(blocks=3, steps=2))
    assert len(shown("--sort", "max", path)) == 100


def test_show_sorts_nan_above_all_and_nothing_last(write):
    path = write(
        [
            {"module": str(i), "tensor": "out", "step": None, **more}
            for i, more in enumerate([{"sum": 2.0}, {}, {"sum": "NaN"}, {"sum": "Infinity"}, {"sum": -1.0}])
        ]
    )
    assert [record["module"] for record in shown("--sort", "sum", path)] == ["4", "0", "3", "2", "1"]
    assert [record["module"] for record in shown("--sort", "sum", "--reverse", path)] == ["2", "3", "0", "4", "1"]


def test_show_takes_the_columns_asked_for(trace):
    result = fvtrace("show", "--columns", "line,seq,run,sketch,abs_mean", "--head", "2", trace)
    assert [line.split()[:4] for line in result.stdout.splitlines()] == [
        ["line", "seq", "run", "sketch"],
        ["1", "0", report_traces.RUN, "64"],
        ["2", "1", report_traces.RUN, "64"],
    ]


def test_show_warns_of_a_column_that_no_record_has(trace):
    result = fvtrace("show", "--columns", "module,abs_maen", "--head", "2", trace)
    assert result.returncode == 0
    assert 'no record shown has "abs_maen"' in result.stderr
    result = fvtrace("show", "--sort", "abs_maen", "--head", "2", trace)
    assert result.returncode == 0
    assert 'no record shown has "abs_maen"' in result.stderr


def test_show_of_nothing_says_so(trace):
    result = fvtrace("show", "--module", "absent", trace)
    assert (result.returncode, result.stdout) == (0, "")
    assert "no record passes the filter" in result.stderr


def test_show_reads_standard_input_and_zstd(trace, tmp_path):
    with open(trace) as text:
        assert shown("-", stdin=text) == RECORDS
    subprocess.run(["zstd", "-q", str(trace)], check=True)
    assert shown(f"{trace}.zst") == RECORDS


def test_show_names_lines_that_are_no_records(write):
    path = write("rubbish\n" + json.dumps(RECORDS[0]) + "\n" + json.dumps(RECORDS[1])[:-9])
    result = fvtrace("show", path)
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 2
    assert f"{path}:1: " in result.stderr
    assert f"{path}:3: the file ends within this line" in result.stderr


def test_show_lets_no_name_steer_the_terminal(write):
    path = write([{"module": "a\x1b[2J\nb", "tensor": "out", "step": None}])
    result = fvtrace("show", path)
    assert "a\\x1b[2J\\x0ab" in result.stdout


def followed(path, *options):
    process = subprocess.Popen(
        [program("fvtrace"), "show", "--json", "--follow", *options, path], stdout=subprocess.PIPE
    )
    fcntl.fcntl(process.stdout, fcntl.F_SETFL, os.O_NONBLOCK)
    return process


def lines_of(process, count):
    """Waits for so many lines more."""
    text, deadline = b"", time.monotonic() + 20
    while text.count(b"\n") < count:
        assert time.monotonic() < deadline, text
        text += process.stdout.read() or b""
        time.sleep(0.02)
    return [json.loads(line) for line in text.splitlines()]


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def test_show_follows_what_is_appended(write):
    path = write(RECORDS[:2])
    process = followed(path)
    try:
        assert lines_of(process, 2) == RECORDS[:2]
        line = json.dumps(RECORDS[2]) + "\n"
        append(path, line[:40])
        time.sleep(0.3)
        assert process.stdout.read() is None, "a line that is not whole is waited for"
        append(path, line[40:])
        assert lines_of(process, 1) == [RECORDS[2]]
        report_traces.write(path, RECORDS[5:6])
        assert lines_of(process, 1) == [RECORDS[5]], "a file written anew is read from its beginning"
    finally:
        process.kill()
        process.wait()


def test_show_follows_from_the_tail_and_ends_with_the_head(write):
    path = write(RECORDS[:5])
    process = followed(path, "--tail", "1")
    try:
        assert lines_of(process, 1) == [RECORDS[4]]
        append(path, json.dumps(RECORDS[5]) + "\n")
        assert lines_of(process, 1) == [RECORDS[5]]
    finally:
        process.kill()
        process.wait()
    process = followed(path, "--head", "6")
    assert lines_of(process, 6) == RECORDS[:6]
    assert process.wait(timeout=20) == 0


def test_a_reader_that_leaves_early_is_no_failure(write):
    path = write(RECORDS * 40)
    process = subprocess.Popen([program("fvtrace"), "show", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("command", ["show", "stats", "check"])
def test_a_full_disk_is_reported(command, trace):
    with open("/dev/full", "w") as full:
        result = subprocess.run([program("fvtrace"), command, trace], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    assert "standard output" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "FILE"),
        (["show", "TRACE", "--step", "x"], "--step"),
        (["show", "TRACE", "--regex", "("], "--regex"),
        (["show", "TRACE", "--call", "-1"], "--call"),
        (["show", "TRACE", "--rank", "x"], "--rank"),
        (["show", "TRACE", "--head", "-1"], "--head"),
        (["show", "TRACE", "--tail", "x"], "--tail"),
        (["show", "TRACE", "--head", "1", "--tail", "1"], "--head"),
        (["show", "TRACE", "--sort", "max", "--tail", "1"], "--sort"),
        (["show", "TRACE", "--sort", "max", "--follow"], "--sort"),
        (["show", "TRACE", "--reverse"], "--sort"),
        (["show", "TRACE", "--json", "--columns", "max"], "--columns"),
        (["show", "TRACE", "TRACE"], "not expected"),
        (["show", "/nonexistent"], "No such file"),
        (["show", "--follow", "/nonexistent"], "No such file"),
        (["show", "--follow", "/dev/null"], "no regular file"),
        (["show", "/"], "Is a directory"),
        (["stats"], "FILE"),
        (["stats", "/nonexistent"], "No such file"),
        (["stats", "/dev/null"], "holds no record"),
        (["check"], "FILE"),
        (["check", "/nonexistent"], "No such file"),
        (["check", "/dev/null"], "holds no record"),
        (["check", "TRACE", "--most", "-1"], "--most"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_run_has_status_2_and_says_why(arguments, said, trace):
    result = fvtrace(*(trace if argument == "TRACE" else argument for argument in arguments))
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["diff", "map", "show", "stats", "check"])
def test_help_reads_like_a_manual(command):
    result = fvtrace(command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    text = result.stdout
    assert text.startswith(f"fvtrace {command}: ")
    titles = ["Usage:", "\nDescription:\n", "\nPositionals:\n", "\nOptions:\n", "\nExamples:\n", "\nExit status:\n"]
    places = [text.find(title) for title in titles]
    assert -1 not in places
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) <= 120
    assert "\n\n\n" not in text
    assert f"  {command} " in fvtrace("--help").stdout


def test_help_names_the_environment_that_is_looked_at():
    for command in ([], ["diff"]):
        assert "\nEnvironment:\n  NO_COLOR" in fvtrace(*command, "--help").stdout


def test_the_manual_page_has_every_command():
    page = fvtrace("--man").stdout
    assert page.startswith(".TH FVTRACE 1\n.SH NAME\nfvtrace ")
    for command in ("diff", "map", "show", "stats", "check"):
        assert f'.SH "fvtrace {command}"\n.nf\n' in page
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".nf", ".fi"}, "no line of a help text is one"


def test_stats_counts_what_is_there(write):
    records = report_traces.trace(blocks=2, steps=3, calls=2)
    records[7] |= {"nan": 2, "max": "NaN"}
    records[9]["abs_max"] = 1e5
    records[3]["step"] = None
    overview = json.loads(fvtrace("stats", "--json", write(records)).stdout)
    assert overview["records"] == len(records)
    assert overview["inputs"] == sum(record["tensor"] == "in[0]" for record in records)
    assert overview["with_sketch"] == len(records)
    assert overview["runs"] == [report_traces.RUN]
    assert overview["modules"] == len({record["module"] for record in records})
    assert (overview["steps"], overview["outside_steps"], overview["calls"]) == ([0, 1, 2], 1, 2)
    assert overview["dtypes"] == {"torch.float32": len(records)}
    assert overview["statistics"]["max"] == len(records)
    assert (overview["non_finite"]["records"], overview["non_finite"]["nan"]) == (1, 2)
    assert overview["non_finite"]["first"]["line"] == 8
    assert overview["non_finite"]["first"]["module"] == records[7]["module"]
    assert overview["largest"]["abs_max"] == 1e5
    assert overview["largest"]["place"]["line"] == 10


def test_stats_in_words(trace):
    result = fvtrace("stats", trace)
    assert result.returncode == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines["records"].split()[1] == str(len(RECORDS))
    assert lines["steps"].split() == ["steps", "0-2"]
    assert lines["non-finite"].split() == ["non-finite", "none"]
    assert lines["dtypes"].split() == ["dtypes", "torch.float32", f"({len(RECORDS)})"]


def test_stats_of_fastvideos_own_file(write):
    path = write('{"module": "a", "tensor": "out", "step": 0, "abs_mean": NaN, "sum": NaN}\nrubbish\n')
    overview = json.loads(fvtrace("stats", "--json", path).stdout)
    assert overview["non_finite"]["records"] == 1
    assert overview["problem_count"] == 1
    assert overview["largest"] is None


def test_check_of_a_good_trace(trace):
    result = fvtrace("check", trace)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "1 file: no problem\n"


def test_check_takes_what_fastvideo_writes(write):
    path = write('{"module": "a", "tensor": "out", "step": 0, "abs_mean": NaN, "sum": 0.5, "shape": [2, 3]}\n' * 3)
    assert fvtrace("check", path).returncode == 0


def changed(**values):
    return {key: value for key, value in (RECORDS[0] | values).items() if value is not ...}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("[1]", "not a JSON object"),
        ('{"module": "a"', "not a JSON object"),
        ('{"module": "a", "tensor": "out", "own": [1,}', "not JSON"),
        (changed(module=...), 'no "module"'),
        (changed(tensor=...), 'no "tensor"'),
        (changed(tensor=""), '"tensor" is empty'),
        (changed(step="0"), '"step" is not an integer'),
        (changed(call=-1), '"call" is not an integer'),
        (changed(seq=1.5), '"seq" is not an integer'),
        (changed(rank="0"), '"rank" is not an integer'),
        (changed(run="run 1"), '"run" is not 8 hexadecimal digits'),
        (changed(seq=...), 'there is "run", but no "seq"'),
        (changed(call=...), 'there is "run", but no "call"'),
        (changed(run=...), 'there is "seq", but no "run"'),
        (changed(sketch="1:64:AAAA"), "sketch"),
        (changed(abs_mean="much"), '"abs_mean" is not a number'),
        (changed(abs_mean=[1]), '"abs_mean" is not a number'),
        (changed(abs_mean=-0.5), '"abs_mean" is negative'),
        (changed(max=None), '"max" is null, but there are elements'),
        (changed(min=9.0, max=1.0), '"min" is greater than "max"'),
        (changed(shape="[4, 16]"), '"shape" is not a list of integers'),
        (changed(shape=[4, -1]), '"shape" has a negative size'),
        (changed(dtype="float32"), '"dtype" is not the name of a torch dtype'),
        (changed(zeros=-1), '"zeros" is not a count'),
        (changed(zeros=65), '"zeros" counts more elements than there are'),
        (changed(nan=40, inf=25), '"nan" and "inf" count more elements than there are'),
        (changed(nan=1, sum=2.0), '"nan" counts elements, but "sum" is a number'),
        (changed(inject="doubled"), '"inject" is none of'),
        (changed(inject="replaced"), 'there is "inject", but no "inject_error"'),
        (changed(inject="absent", inject_error=0.5), 'there is "inject_error", but nothing was compared'),
        (changed(inject="compared", inject_error=-1.0), '"inject_error" is not a relative error'),
        (changed(inject="compared", inject_error="much"), '"inject_error" is not a number'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_check_names_what_a_line_says_wrong(write, record, said):
    line = record if isinstance(record, str) else json.dumps(record)
    path = write("\n" + line + "\n")
    result = fvtrace("check", path)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{path}:2: ")
    assert said in result.stdout
    assert result.stdout.endswith("1 problem\n")


@pytest.mark.parametrize(
    "values",
    [
        {"max": None, "shape": [0, 3]},
        {"abs_mean": "<error: a meta tensor has no values>"},
        {"own": {"a": 1}},
        {"max": "NaN"},
        {"inject": "replaced", "inject_error": "Infinity"},
        {"inject": "shape"},
    ],
    ids=str,
)
def test_check_lets_pass_what_the_page_allows(write, values):
    result = fvtrace("check", write([changed(**values)]))
    assert (result.returncode, result.stdout) == (0, "1 file: no problem\n")


def test_check_names_a_torn_line(write):
    path = write(json.dumps(RECORDS[0]) + "\n" + json.dumps(RECORDS[1])[:-7])
    result = fvtrace("check", path)
    assert result.returncode == 1
    assert f"{path}:2: the file ends within this line" in result.stdout


def test_check_names_what_stands_twice_and_what_is_missing(write):
    again = RECORDS[4] | {"seq": len(RECORDS) + 9}
    path = write([*RECORDS[:10], *RECORDS[13:], RECORDS[2], again])
    result = fvtrace("check", path)
    assert result.returncode == 1
    assert "seq 2 of run 0badcafe was there before" in result.stdout
    assert (
        f'module "{RECORDS[4]["module"]}", tensor "in[0]", step 0, call 0 of run 0badcafe was there before'
        in result.stdout
    )
    assert f"{path}: seq 10 to 12 of run 0badcafe are missing" in result.stdout
    assert f"seq {len(RECORDS)} to {len(RECORDS) + 8} of run 0badcafe are missing" in result.stdout


def test_check_takes_a_run_from_several_files_in_any_order(write):
    first, second = write(RECORDS[::2], "a.jsonl"), write(RECORDS[1::2][::-1], "b.jsonl")
    assert fvtrace("check", first).returncode == 1
    result = fvtrace("check", second, first)
    assert (result.returncode, result.stdout) == (0, "2 files: no problem\n")


def test_check_tells_runs_and_ranks_apart(write):
    ranks = [record | {"rank": rank} for rank in (0, 1) for record in RECORDS]
    runs = [record | {"run": run} for run in ("00000001", "00000002") for record in RECORDS]
    assert fvtrace("check", write(ranks, "ranks.jsonl"), write(runs, "runs.jsonl")).returncode == 0


def test_check_prints_as_many_as_asked_and_counts_all(write):
    path = write("rubbish\n" * 150)
    result = fvtrace("check", "--most", "3", path)
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 4
    assert result.stdout.endswith("150 problems, the first 3 shown\n")
    quiet = fvtrace("check", "--quiet", path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", "")


def test_check_reads_standard_input(trace):
    with open(trace) as text:
        assert fvtrace("check", "-", stdin=text).returncode == 0
