#!/usr/bin/env python3
"""The table of docs/sketch.md, from what run.py found: table.py BUILD/sketch.json"""

import json
import sys


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        lines = json.load(file)
    sizes = sorted({line["buckets"] for line in lines})
    print("| error | " + " | ".join(f"k = {size}: 5 %, median, 95 %" for size in sizes) + " |")
    print("| --- |" + " --- |" * len(sizes))
    for error in dict.fromkeys(line["error"] for line in lines):
        cells = []
        for size in sizes:
            quantiles = [line["quantiles"] for line in lines if (line["error"], line["buckets"]) == (error, size)]
            low, median, high = zip(*quantiles, strict=True)
            cells.append(f"{min(low):.2f}, {min(median):.2f}–{max(median):.2f}, {max(high):.2f}")
        print(f"| {error} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
