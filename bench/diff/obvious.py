"""Compares two traces the way one does by hand: a dictionary, a loop, a tolerance.

obvious.py REFERENCE PORT [json | orjson]
"""

import base64
import json
import sys

import numpy as np


def read(path, loads):
    records = {}
    with open(path, "rb") as file:
        for line in file:
            record = loads(line)
            records[record["module"], record["tensor"], record["step"], record["call"]] = record
    return records


def sketch(record):
    return np.frombuffer(base64.b64decode(record["sketch"].rsplit(":", 1)[1]), dtype="<f4")


def error(a, b):
    x = sketch(a)
    return float(np.linalg.norm(x - sketch(b)) / np.linalg.norm(x))


def main(reference, port, library="json"):
    loads = json.loads if library == "json" else __import__(library).loads
    reference, port = read(reference, loads), read(port, loads)
    worst = failed = 0
    for key, a in reference.items():
        b = port.get(key)
        if b is None or a["shape"] != b["shape"]:
            failed += 1
            continue
        distance = max(error(a, b), abs(a["abs_mean"] - b["abs_mean"]) / abs(a["abs_mean"]))
        worst = max(worst, distance)
        failed += distance > 1e-4
    print(f"{len(reference)} records, worst {worst:.3g}, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
