"""`fvtrace map` finds from two traces alone what the Wan transformer's modules are called in diffusers."""

import dataclasses
import json
import subprocess

import pytest
import torch
import wan_fastvideo
import wan_original
from programs import program
from safetensors.torch import load_file
from test_wan_port import reference

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace

BLOCKS = 3

# The port's name: the reference's; None: the reference has no such module.
ORIGINAL = {
    "": "",
    "patch_embedding": "patch_embedding",
    "time_embedding": "condition_embedder.time_embedder",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.1": "condition_embedder.time_embedder.act",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection": None,
    "time_projection.0": "condition_embedder.act_fn",
    "time_projection.1": "condition_embedder.time_proj",
    "text_embedding": "condition_embedder.text_embedder",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.1": "condition_embedder.text_embedder.act_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "blocks.*": "blocks.*",
    "blocks.*.norm1": "blocks.*.norm1",
    "blocks.*.self_attn": "blocks.*.attn1",
    "blocks.*.self_attn.q": "blocks.*.attn1.to_q",
    "blocks.*.self_attn.k": "blocks.*.attn1.to_k",
    "blocks.*.self_attn.v": "blocks.*.attn1.to_v",
    "blocks.*.self_attn.o": "blocks.*.attn1.to_out.0",
    "blocks.*.self_attn.norm_q": "blocks.*.attn1.norm_q",
    "blocks.*.self_attn.norm_k": "blocks.*.attn1.norm_k",
    "blocks.*.norm3": "blocks.*.norm2",
    "blocks.*.cross_attn": "blocks.*.attn2",
    "blocks.*.cross_attn.q": "blocks.*.attn2.to_q",
    "blocks.*.cross_attn.k": "blocks.*.attn2.to_k",
    "blocks.*.cross_attn.v": "blocks.*.attn2.to_v",
    "blocks.*.cross_attn.o": "blocks.*.attn2.to_out.0",
    "blocks.*.cross_attn.norm_q": "blocks.*.attn2.norm_q",
    "blocks.*.cross_attn.norm_k": "blocks.*.attn2.norm_k",
    "blocks.*.norm2": "blocks.*.norm3",
    "blocks.*.ffn": "blocks.*.ffn",
    "blocks.*.ffn.0": "blocks.*.ffn.net.0.proj",
    "blocks.*.ffn.1": "blocks.*.ffn.net.0",
    "blocks.*.ffn.2": "blocks.*.ffn.net.2",
    "head": None,
    "head.norm": "norm_out",
    "head.head": "proj_out",
}
FASTVIDEO = {
    "": "",
    "patch_embedding": None,
    "patch_embedding.proj": "patch_embedding",
    "patch_embedding.norm": None,
    "condition_embedder": "condition_embedder",
    "condition_embedder.time_embedder": None,
    "condition_embedder.time_embedder.mlp": "condition_embedder.time_embedder",
    "condition_embedder.time_embedder.mlp.fc_in": "condition_embedder.time_embedder.linear_1",
    "condition_embedder.time_embedder.mlp.act": "condition_embedder.time_embedder.act",
    "condition_embedder.time_embedder.mlp.fc_out": "condition_embedder.time_embedder.linear_2",
    "condition_embedder.time_modulation": None,
    "condition_embedder.time_modulation.act": "condition_embedder.act_fn",
    "condition_embedder.time_modulation.linear": "condition_embedder.time_proj",
    "condition_embedder.text_embedder": "condition_embedder.text_embedder",
    "condition_embedder.text_embedder.fc_in": "condition_embedder.text_embedder.linear_1",
    "condition_embedder.text_embedder.act": "condition_embedder.text_embedder.act_1",
    "condition_embedder.text_embedder.fc_out": "condition_embedder.text_embedder.linear_2",
    "blocks.*": "blocks.*",
    "blocks.*.norm1": "blocks.*.norm1",
    "blocks.*.to_q": "blocks.*.attn1.to_q",
    "blocks.*.to_k": "blocks.*.attn1.to_k",
    "blocks.*.to_v": "blocks.*.attn1.to_v",
    "blocks.*.norm_q": "blocks.*.attn1.norm_q",
    "blocks.*.norm_k": "blocks.*.attn1.norm_k",
    "blocks.*.attn1": None,  # attention proper; the reference's attn1 holds the projections as well
    "blocks.*.to_out": "blocks.*.attn1.to_out.0",
    "blocks.*.self_attn_residual_norm": None,
    "blocks.*.self_attn_residual_norm.norm": "blocks.*.norm2",
    "blocks.*.attn2": "blocks.*.attn2",
    "blocks.*.attn2.to_q": "blocks.*.attn2.to_q",
    "blocks.*.attn2.to_k": "blocks.*.attn2.to_k",
    "blocks.*.attn2.to_v": "blocks.*.attn2.to_v",
    "blocks.*.attn2.norm_q": "blocks.*.attn2.norm_q",
    "blocks.*.attn2.norm_k": "blocks.*.attn2.norm_k",
    "blocks.*.attn2.attn": None,
    "blocks.*.attn2.to_out": "blocks.*.attn2.to_out.0",
    "blocks.*.cross_attn_residual_norm": None,
    "blocks.*.cross_attn_residual_norm.norm": "blocks.*.norm3",
    "blocks.*.ffn": "blocks.*.ffn",
    "blocks.*.ffn.fc_in": "blocks.*.ffn.net.0.proj",
    "blocks.*.ffn.act": "blocks.*.ffn.net.0",
    "blocks.*.ffn.fc_out": "blocks.*.ffn.net.2",
    "blocks.*.mlp_residual": None,
    "norm_out": None,  # modulated; the reference's norm_out is not
    "norm_out.norm": "norm_out",
    "proj_out": "proj_out",
}


class Original:
    expected = ORIGINAL
    make = staticmethod(wan_original.from_diffusers)
    output_projection = "blocks.{}.self_attn.o"

    @staticmethod
    def call(model, latents, timestep, text):
        return model([latents[0]], timestep, [text[0]])


class FastVideo:
    expected = FASTVIDEO
    make = staticmethod(wan_fastvideo.from_diffusers)
    output_projection = "blocks.{}.to_out"

    @staticmethod
    def call(model, latents, timestep, text):
        return model(latents, text, timestep)


PORTS = pytest.mark.parametrize("port", [Original, FastVideo], ids=lambda port: port.__name__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wan_names")
    tiny = reference.SETUPS["tiny"]
    reference.make(folder, dataclasses.replace(tiny, model=reference.TINY | {"num_layers": BLOCKS}))
    return folder


@pytest.fixture
def trace(folder, tmp_path, monkeypatch):
    """trace(name, model, call, dtype) -> the path of its trace."""
    inputs = load_file(folder / "inputs.safetensors")
    for variable, value in {
        "ACTIVATIONS": "1",
        "INPUTS": "1",
        "ROOT": "1",
        "STATS": "abs_mean,sum,shape,dtype",
    }.items():
        monkeypatch.setenv(f"FASTVIDEO_TRACE_{variable}", value)

    @torch.no_grad()
    def trace(name, model, call, dtype=torch.float32):
        path = tmp_path / f"{name}.jsonl"
        monkeypatch.setenv("FASTVIDEO_TRACE_OUTPUT", str(path))
        manager = attach_activation_trace(model)
        call(model, inputs["latents"].to(dtype), inputs["timesteps"][:1], inputs["prompt_embeds"].to(dtype))
        detach_activation_trace(manager)
        return path

    return trace


def call_reference(model, latents, timestep, text):
    return model(latents, timestep, text)


def fvtrace(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([program("fvtrace"), *arguments], capture_output=True, text=True)


def found_names(reference_trace, port_trace) -> dict[str, str | None]:
    """The rules of modules as they were found, those of single tensors left out."""
    done = fvtrace("map", "--json", reference_trace, port_trace)
    assert done.returncode == 0, done.stderr
    unquoted = {'""': "", "-": None}
    sides = ((rule["port"], rule["reference"]) for rule in json.loads(done.stdout)["rules"])
    return {
        unquoted.get(port, port): unquoted.get(reference, reference)
        for port, reference in sides
        if port != "-" and " " not in port
    }


@PORTS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_every_module_gets_the_name_of_its_counterpart_and_no_other(folder, trace, port, dtype):
    model = reference.load(folder, torch.float32)
    reference_trace = trace("reference", model, call_reference)
    port_trace = trace("port", port.make(model).to(dtype), port.call, dtype)
    assert found_names(reference_trace, port_trace) == port.expected


@PORTS
def test_a_port_that_goes_wrong_half_way_is_named_by_its_other_blocks(folder, trace, port):
    model = reference.load(folder, torch.float32)
    reference_trace = trace("reference", model, call_reference)
    wrong = port.make(model)
    with torch.no_grad():
        wrong.get_submodule(port.output_projection.format(1)).weight.mul_(3)
    assert found_names(reference_trace, trace("port", wrong, port.call)) == port.expected


@PORTS
def test_what_is_written_makes_diff_compare_everything(folder, trace, tmp_path, port):
    model = reference.load(folder, torch.float32)
    reference_trace = trace("reference", model, call_reference)
    port_trace = trace("port", port.make(model), port.call)
    rules = tmp_path / "map.txt"
    assert fvtrace("map", "--output", rules, reference_trace, port_trace).returncode == 0
    done = fvtrace("diff", "--json", "--rtol", "1e-4", "--map", rules, reference_trace, port_trace)
    counts = json.loads(done.stdout)["counts"]
    assert counts["missing"] == counts["extra"] == counts["incomparable"] == counts["diverged"] == 0
    records = reference_trace.read_text().count('"tensor":"out')
    assert counts["equal"] + counts["within"] + counts["reordered"] > 0.7 * records


def test_names_that_cannot_be_found_are_told_and_the_exit_status_says_so(tmp_path):
    line = '{"module":"%s","tensor":"out","step":0,"abs_mean":%s,"shape":[%d]}\n'
    (tmp_path / "a.jsonl").write_text(line % ("a", "1.5", 3))
    (tmp_path / "b.jsonl").write_text(line % ("b", "9.5", 5))
    done = fvtrace("map", tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert done.returncode == 1
    assert "# ? b\n" in done.stdout
    assert fvtrace("map", tmp_path / "a.jsonl", tmp_path / "none.jsonl").returncode == 2
