"""The programs that `make build` builds. FVHOOKS_BUILD_DIR names another build folder than `build`."""

import os
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FVHOOKS_BUILD_DIR", REPOSITORY / "build")).resolve() / "bin"


def program(name: str) -> pathlib.Path:
    path = BIN / name
    assert path.exists(), f"{path} is not built: run `make build`, or set FVHOOKS_BUILD_DIR"
    return path
