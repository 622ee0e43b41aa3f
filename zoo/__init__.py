"""The bug zoo: bugs planted in the Wan port, each traced, compared with the reference and scored. `python -m zoo`."""
