"""Runs the reference, the port and fvtrace, each into a folder of its own."""

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
STATISTICS = "abs_mean,sum,max,mean,rms,shape,dtype"


class Failed(Exception):
    """A program that the zoo needs did not do its work."""


def call(command: list, accepted: tuple[int, ...] = (0,), **environment: str) -> subprocess.CompletedProcess:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FASTVIDEO_TRACE")}
    command = [str(part) for part in command]
    result = subprocess.run(command, env=inherited | environment, capture_output=True, text=True)
    if result.returncode not in accepted:
        raise Failed(f"{' '.join(command)}\nexited with {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def traced(command: list, trace: pathlib.Path) -> pathlib.Path:
    unfinished = trace.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    call(
        command,
        FASTVIDEO_TRACE_ACTIVATIONS="1",
        FASTVIDEO_TRACE_INPUTS="1",
        FASTVIDEO_TRACE_ROOT="1",
        FASTVIDEO_TRACE_STATS=STATISTICS,
        FASTVIDEO_TRACE_OUTPUT=str(unfinished),
    )
    return unfinished.rename(trace)


@dataclass(frozen=True)
class Programs:
    wan: pathlib.Path
    fvtrace: pathlib.Path

    def names(self, kind: str) -> list[str]:
        """Of "bugs" or "variants" that can be planted."""
        lines = call([self.wan, f"--list-{kind}"]).stdout.splitlines()
        return [line.split(":")[0] for line in lines]

    def diff(self, reference: pathlib.Path, port: pathlib.Path, *options: str | pathlib.Path) -> dict:
        """The verdict as `fvtrace diff --json` prints it, and its exit status."""
        result = call([self.fvtrace, "diff", "--json", *options, reference, port], accepted=(0, 1))
        return json.loads(result.stdout) | {"exit_status": result.returncode}


@dataclass(frozen=True)
class Model:
    """A configuration of examples/wan/reference.py with weights and inputs of one seed."""

    folder: pathlib.Path
    config: str
    seed: int
    reuse: bool  # traces that are there

    @property
    def name(self) -> str:
        return f"{self.config}, seed {self.seed}"

    def reference_command(self, *arguments: str | pathlib.Path) -> list:
        return [sys.executable, REPOSITORY / "examples/wan/reference.py", *arguments]

    def make(self) -> None:
        if not self.reuse or not (self.folder / "diffusion_pytorch_model.safetensors").exists():
            call(
                self.reference_command("make", "--out", self.folder, "--config", self.config, "--seed", str(self.seed))
            )

    def trace_reference(self, name: str, dtype: str, *options: str) -> pathlib.Path:
        command = self.reference_command("run", *self.arguments(f"reference.{name}", dtype), *options)
        return self._traced(command, f"reference.{name}.{dtype}.jsonl")

    def trace_port(self, programs: Programs, name: str, dtype: str, *options: str) -> pathlib.Path:
        command = [programs.wan, *self.arguments(f"port.{name}", dtype), *options]
        return self._traced(command, f"port.{name}.{dtype}.jsonl")

    def _traced(self, command: list, name: str) -> pathlib.Path:
        trace = self.folder / name
        return trace if self.reuse and trace.exists() else traced(command, trace)

    def capture(self, programs: Programs, name: str, dtype: str, module: str, *options: str) -> pathlib.Path:
        """Whole inputs and outputs of one module."""
        tensors = self.folder / f"capture.{name}.{dtype}.safetensors"
        arguments = ["--capture-module", module, "--capture", tensors, *options]
        call([programs.wan, *self.arguments(f"port.{name}", dtype), *arguments])
        return tensors

    def arguments(self, name: str, dtype: str) -> list:
        inputs = self.folder / "inputs.safetensors"
        output = self.folder / f"{name}.{dtype}.safetensors"
        return ["--model", self.folder, "--inputs", inputs, "--output", output, "--dtype", dtype]
