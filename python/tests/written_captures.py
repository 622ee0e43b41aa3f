"""Captures as a traced program writes them (docs/capture.md), for tests of what reads them."""

from urllib.parse import quote

from safetensors.torch import load_file, save_file

RUN = "20261125T001500.000000Z-9f3c01aa"


def capture(folder, modules, root="transformer"):
    """A folder of captures of {module: {label: tensor}}, outputs only."""
    for seq, (module, tensors) in enumerate(modules.items()):
        path = folder / RUN / root / quote(module, safe="")
        path.mkdir(parents=True)
        metadata = {"fvhooks.capture": "1", "root": root, "module": module, "step": "3", "call": "1", "side": "out"}
        save_file(tensors, path / "step3.call1.out.safetensors", metadata | {"run": RUN[-8:], "seq": str(seq)})
    return folder


def rewritten(folder):
    """The metadata say what the paths say."""
    for seq, path in enumerate(sorted((folder / RUN).rglob("*.safetensors"))):
        metadata = {"fvhooks.capture": "1", "root": "transformer", "module": path.parent.name, "step": "3", "call": "1"}
        save_file(load_file(path), path, metadata | {"side": "out", "run": RUN[-8:], "seq": str(seq)})
