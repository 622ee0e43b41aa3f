"""One way to run the model, in a process of its own: contender.py WAY, told what to do by JSON lines on stdin."""

import json
import os
import pathlib
import resource
import sys
import time

import torch
import weights

from fvhooks.layerwise_offload import _hooks, enable_layerwise_offload, offload_report


def resident_bytes() -> int:
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def block_bytes(model: torch.nn.Module) -> int:
    """Of all blocks."""
    return sum(parameter.nbytes for block in model.blocks for parameter in block.parameters())


class Contender:
    def __init__(self, folder: pathlib.Path):
        self.path = weights.checkpoint(folder)
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        self.device = accelerator or torch.device("cpu")
        self.files = [self.path]  # to be dropped from the page cache before each step
        self.bytes_before = resident_bytes()
        self.inputs: dict = {}

    def load(self) -> dict:
        raise NotImplementedError

    def drop_page_cache(self) -> None:
        for path in self.files:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def synchronize(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def prepare(self, latents: list[int], text_tokens: int) -> None:
        self.inputs = weights.inputs(latents, text_tokens, self.device)

    @torch.no_grad()
    def step(self, uncounted: int = 0) -> dict:
        """Timed behind so many that are not, without a pause in which somebody could get ahead."""
        for _ in range(uncounted):
            self.model(**self.inputs)
        self.drop_page_cache()
        self.synchronize()
        self.counting()
        begin, cpu = time.perf_counter(), time.process_time()
        output = self.model(**self.inputs).sample
        self.synchronize()
        return {
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - cpu,
            "checksum": output.double().sum().item(),
        }

    def counting(self) -> None:
        """What is timed begins."""

    def memory(self) -> dict:
        return {"before": self.bytes_before, "peak": peak_bytes()}


class Resident(Contender):
    """The model in memory, or its first blocks."""

    def load(self, layers: int = weights.CONFIG["num_layers"]) -> dict:
        model = weights.empty_model(layers)
        self.model = weights.with_weights(model, weights.in_memory(self.path, model.state_dict())).to(self.device)
        self.files = []
        return {"block_bytes": block_bytes(model)}


class Mapped(Contender):
    """The blocks on a private mapping of the file; the rest in memory, as it is beside the offloaded blocks."""

    def load(self) -> dict:
        model = weights.empty_model()
        rest = [name for name in model.state_dict() if not name.startswith("blocks.")]
        self.model = weights.with_weights(model, weights.mapped(self.path) | weights.in_memory(self.path, rest))
        return {"block_bytes": block_bytes(self.model)}


class Accelerate(Contender):
    def load(self, offload_folder: str) -> dict:
        from accelerate import disk_offload

        self.model = weights.with_weights(weights.empty_model(), weights.mapped(self.path))
        disk_offload(self.model, offload_folder, execution_device=self.device)
        os.sync()  # what was just written could not be dropped
        self.files = list(pathlib.Path(offload_folder).iterdir())
        return {}


class Offloaded(Contender):
    """Never in memory as a whole: from the meta device to the disk's weights."""

    def load(self, budget: int, prefetch_depth: int = 1, store: str | None = None) -> dict:
        model = weights.empty_model()
        if store == "host":
            model = weights.with_weights(model, weights.in_memory(self.path, model.state_dict()))
        enable_layerwise_offload(
            model, store=store or self.path, budget=budget, prefetch_depth=prefetch_depth, device=self.device
        )
        self.model = model.to(self.device)
        self.offloaded = next(hook.state.model for _, hook in _hooks(model))
        self.files = []  # the reader leaves nothing in the page cache, or goes past it
        self.streamed = len(model.blocks) - len(self.offloaded.resident_blocks)
        return {"allocated": self.offloaded.allocated_bytes, "streamed": self.streamed}

    def counting(self) -> None:
        self.offloaded.reset_report()

    def step(self, uncounted: int = 0) -> dict:
        result = super().step(uncounted)
        report = offload_report(self.model)
        return result | {
            "moving_cpu_seconds": report["loader_cpu_seconds"],
            "stalled": sum(report["stall_seconds"]),
            "transfer_seconds": self.transfer_seconds(report, result["seconds"]),
            "loads": sum(report["loads"]),
            "efficiency": report["efficiency"],
        }

    def move(self) -> dict:
        """The blocks come and go without a computation: what moving takes by itself."""
        blocks = range(len(self.model.blocks))
        for block in blocks:  # the others have come once
            self.offloaded.enter(block)
            self.offloaded.leave(block)
        self.synchronize()
        self.offloaded.reset_report()
        begin, cpu = time.perf_counter(), time.process_time()
        for block in blocks:
            self.offloaded.enter(block)
            self.offloaded.leave(block)
        self.synchronize()
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
        report = offload_report(self.model)
        return {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "transfer_seconds": self.transfer_seconds(report, seconds),
            "loads": sum(report["loads"]),
            "bytes": report["bytes_moved"],
        }

    def transfer_seconds(self, report: dict, wall: float) -> float:
        """Of all streamed blocks. On a CPU a load is over when the reader says so; on a device it has only begun then."""
        if self.device.type != "cpu":
            return wall
        return sum(report["load_seconds"]) / sum(report["loads"]) * self.streamed

    def timeline(self, path: str) -> dict:
        pathlib.Path(path).write_text(self.offloaded.chrome_trace())
        return {}


WAYS = {"resident": Resident, "mapped": Mapped, "accelerate": Accelerate, "offloaded": Offloaded}


def main() -> None:
    torch.set_num_threads(torch.get_num_threads())  # not fewer when MKL thinks so: sums would have other last bits
    contender = WAYS[sys.argv[1]](pathlib.Path(sys.argv[2]))
    for line in sys.stdin:
        command = json.loads(line)
        result = getattr(contender, command.pop("do"))(**command)
        print(json.dumps(result or {}), flush=True)


if __name__ == "__main__":
    main()
