"""JsonlSink: any record becomes one line of JSON, and nothing that goes wrong reaches the model."""

import json
import logging
import threading

import pytest

from fvhooks import JsonlSink


def written(path):
    def bare_word(word):
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=bare_word) for line in path.read_text().splitlines()]


def test_folders_are_made_and_the_file_is_appended_to(tmp_path):
    path = tmp_path / "a" / "b.jsonl"
    for i in range(2):
        sink = JsonlSink(path)
        assert sink.path == path
        sink.write({"i": i})
        sink.close()
    assert written(path) == [{"i": 0}, {"i": 1}]


def test_numbers_that_are_not_finite_are_strings(tmp_path):
    sink = JsonlSink(str(tmp_path / "t"))
    sink.write({"a": float("nan"), "b": [float("inf"), (-float("inf"), 1.5)], "c": {"d": float("nan")}})
    assert written(tmp_path / "t") == [{"a": "NaN", "b": ["Infinity", ["-Infinity", 1.5]], "c": {"d": "NaN"}}]


def test_any_object_can_be_written(tmp_path):
    class Odd:
        def __str__(self):
            return "odd"

    cyclic = [1]
    cyclic.append(cyclic)
    sink = JsonlSink(tmp_path / "t")
    sink.write({"a": Odd(), "b": cyclic, (1, 2): Odd(), "c": "\ud800", "d": 10**40})
    assert written(tmp_path / "t") == [{"a": "odd", "b": [1, "<cycle>"], "(1, 2)": "odd", "c": "\ud800", "d": 10**40}]


def test_writing_after_close_does_not_raise(tmp_path):
    sink = JsonlSink(tmp_path / "t")
    sink.close()
    sink.close()
    sink.write({"a": 1})
    assert written(tmp_path / "t") == []
    assert sink.dropped == 1


def test_an_output_that_cannot_be_opened_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        JsonlSink(tmp_path / "file" / "trace.jsonl")


def test_lines_of_many_threads_stay_whole(tmp_path):
    sink = JsonlSink(tmp_path / "t")
    threads = [
        threading.Thread(target=lambda i=i: [sink.write({"thread": i, "line": n}) for n in range(200)])
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = written(tmp_path / "t")
    assert len(lines) == sink.written == 1600
    assert len({(line["thread"], line["line"]) for line in lines}) == 1600


def test_a_full_disk_is_warned_of_once(caplog):
    sink = JsonlSink("/dev/full")
    with caplog.at_level(logging.WARNING, "fvhooks"):
        for _ in range(3):
            sink.write({"a": 1})
    assert sink.dropped == 3
    assert len(caplog.records) == 1
    assert "/dev/full" in caplog.text
