"""Which modules of a program are traced, under which names, in which steps."""

import copy
import logging
import pickle
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced_models import Fails, Toy, state_of

from fvhooks import attach_activation_trace, detach_activation_trace, trace_step
from fvhooks.run_report import lines

X = torch.ones(1, 2)


class Autoencoder(nn.Module):
    """Called by its methods, as those of diffusers are."""

    def __init__(self):
        super().__init__()
        self.encoder = Toy()
        self.quant_conv = nn.Linear(2, 2)
        self.decoder = Toy()

    def decode(self, x):
        return self._decode(self.quant_conv(x))

    def _decode(self, x):
        return self.decoder(x)


class Denoiser(Toy):
    def forward(self, x, timestep):
        return super().forward(x) + timestep


class Pipeline:
    def __init__(self):
        self.text_encoder = Toy()
        self.transformer = Denoiser()
        self.vae = Autoencoder()

    def __call__(self, steps=(900.0, 500.0, 100.0)):
        prompt, negative = self.text_encoder(X), self.text_encoder(-X)
        latents = X
        current_model = self.transformer
        for timestep in torch.tensor(steps):
            for condition in (prompt, negative):
                latents = latents + current_model(latents + condition, timestep=timestep[None])
        return self.vae.decode(latents)


def identity(record):
    return record.get("root"), record["module"], record["tensor"], record["step"], record["call"], record["sum"]


def roots_of(trace):
    return list(dict.fromkeys(record["root"] for record in trace.records()))


def modules_of(trace, root):
    return {record["module"] for record in trace.records() if record["root"] == root}


def test_records_are_those_of_an_explicit_attach(trace, program_tracer, tmp_path):
    trace.set(INPUTS="1", ROOT="1", STATS="abs_mean,sum,std,shape,dtype")
    explicit = Pipeline()
    automatic = copy.deepcopy(explicit)
    models = {name: attach_activation_trace(model, root=name) for name, model in vars(explicit).items()}
    transformer, original = explicit.transformer, explicit.transformer.forward
    steps = iter(range(6))

    def stepped(*args, **kwargs):
        with trace_step(next(steps) // 2):
            return original(*args, **kwargs)

    vars(transformer)["forward"] = stepped
    expected_output = explicit()
    for manager in models.values():
        detach_activation_trace(manager)
    expected = [identity(record) for record in trace.records()]

    trace.path = tmp_path / "automatic.jsonl"
    trace.set(OUTPUT=str(trace.path))
    program_tracer()
    output = automatic()
    assert [identity(record) for record in trace.records()] == expected
    assert torch.equal(output, expected_output)
    assert {"text_encoder", "transformer", "vae"} == set(roots_of(trace))


def test_steps_are_timesteps_and_guidance_passes_are_calls(trace, program_tracer):
    trace.set(LAYERS="^block$")
    program_tracer()
    pipeline = Pipeline()
    pipeline()
    pipeline()
    places = [(r["step"], r["call"]) for r in trace.records() if r["root"] == "transformer"]
    first = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert places == first + [(step, call + 2) for step, call in first]
    assert [r["step"] for r in trace.records() if r["root"] == "text_encoder"] == [None] * 4


def test_trace_step_goes_before_timesteps(trace, program_tracer):
    trace.set(LAYERS="^block$")
    program_tracer()
    transformer = Denoiser()
    with trace_step(7):
        transformer(X, 1.0)
        transformer(X, 2.0)
    assert [(r["step"], r["call"]) for r in trace.records()] == [(7, 0), (7, 1)]


def test_steps_may_be_counted_by_the_calls_of_one_root(trace, program_tracer, monkeypatch):
    trace.set(LAYERS="^block$", STEP_FROM="model")
    program_tracer()
    model, head = Toy(), Toy()
    head(X)
    for _ in range(2):
        model(X)
        head(X)
    assert [(r["root"], r["step"]) for r in trace.records()] == [
        ("head", None),
        ("model", 0),
        ("head", 0),
        ("model", 1),
        ("head", 1),
    ]


def test_a_model_that_is_called_by_its_methods_is_one_root(trace, program_tracer):
    program_tracer()
    vae = Autoencoder()
    vae.decode(X)
    assert roots_of(trace) == ["vae"]
    assert modules_of(trace, "vae") >= {"quant_conv", "decoder.block.0", "decoder"}


def test_a_part_that_the_program_calls_itself_has_its_name_in_the_whole(trace, program_tracer):
    program_tracer()
    vae = Autoencoder()
    vae.decoder.block(X)
    vae.encoder(X)
    assert roots_of(trace) == ["vae"]
    assert modules_of(trace, "vae") >= {"decoder.block.1", "encoder.other"}


class Engine:
    def __init__(self):
        self.models = {"denoiser": Toy()}
        self.stages = [Toy(), Toy()]
        self._private = Toy()

    def run(self):
        for model in (*self.models.values(), *self.stages, self._private):
            model(X)


def test_a_root_has_the_name_of_what_holds_it(trace, program_tracer):
    program_tracer()
    Engine().run()
    assert roots_of(trace) == ["denoiser", "stages.0", "stages.1", "private"]


def test_the_outermost_variable_names_a_root_that_no_object_holds(trace, program_tracer):
    program_tracer()
    transformer = Toy()

    def denoise(model):
        return model(X)

    denoise(transformer)
    assert roots_of(trace) == ["transformer"]


def test_a_root_that_nothing_holds_by_name_has_that_of_its_class(trace, program_tracer):
    program_tracer()
    Toy()(X)
    assert roots_of(trace) == ["Toy"]


def test_different_roots_of_one_name_are_told_apart(trace, program_tracer):
    program_tracer()
    for model in (Toy(), Toy()):
        model(X)
    assert roots_of(trace) == ["model", "model#2"]


def test_a_component_that_was_asked_for(trace, program_tracer):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = Toy()
            self.head = Toy()

        def forward(self, x):
            return self.head(self.backbone(x))

    trace.set(COMPONENTS="spine=whole.backbone")
    program_tracer()
    whole = Whole()
    whole(X)
    assert modules_of(trace, "whole") == {"head", "head.block", "head.block.0", "head.block.1", "head.other"}
    assert modules_of(trace, "spine") == {"block", "block.0", "block.1", "other"}


def test_a_whole_that_is_called_later_takes_its_part_in(trace, program_tracer):
    trace.set(LAYERS="0$")
    program_tracer()
    part = Toy()
    part(X)
    whole = nn.Sequential(part)
    whole(X)
    assert [(r["root"], r["module"], r["call"]) for r in trace.records()] == [
        ("part", "block.0", 0),
        ("whole", "0.block.0", 0),
        ("whole", "0", 0),
    ]


def test_modules_added_later_are_traced_too(trace, program_tracer):
    program_tracer()
    model = nn.Sequential(nn.Linear(2, 2))
    model(X)
    model.append(nn.Linear(2, 2))
    model(X)
    assert [(r["module"], r["call"]) for r in trace.records()] == [("0", 0), ("0", 1), ("1", 0)]


def test_what_is_no_tree_is_left_alone(trace, program_tracer):
    tracer = program_tracer()
    loss = nn.MSELoss()
    loss(nn.Softmax(-1)(X), X)
    assert tracer.roots == []


def test_a_trace_of_the_programs_own_is_left_to_it(trace, program_tracer):
    tracer = program_tracer()
    early, late = Toy(), Toy()
    early(X)
    manager = attach_activation_trace(late, root="mine")
    late(X)
    detach_activation_trace(manager)
    late(X)
    taken_over = attach_activation_trace(early, root="taken over")
    early(X)
    detach_activation_trace(taken_over)
    early(X)
    assert [(r["root"], r["call"]) for r in trace.records() if r["module"] == "other"] == [
        ("early", 0),
        ("mine", 0),
        ("taken over", 0),
    ]
    assert tracer.roots == []


def test_without_run_a_program_that_attaches_itself_is_left_to_itself(trace, program_tracer, monkeypatch):
    tracer = program_tracer()
    tracer._gives_way_to_program = True
    model, other = Toy(), Toy()
    detach_activation_trace(attach_activation_trace(model))
    other(X)
    model(X)
    assert trace.records() == []


def test_copies_have_no_hooks_and_are_roots_of_their_own(trace, program_tracer):
    program_tracer()
    model = Toy()
    model(X)
    copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    assert "_hook_manager" not in vars(copied.block) and "_hook_manager" not in vars(pickled.block)
    copied(X)
    pickled(X)
    assert roots_of(trace) == ["model", "copied", "pickled"]


def test_ended_the_models_are_as_they_were(trace, program_tracer):
    model = Toy()
    before = state_of(model)
    tracer = program_tracer()
    model(X)
    tracer.end()
    assert state_of(model) == before


def test_a_model_may_be_freed(trace, program_tracer):
    import gc
    import weakref

    tracer = program_tracer()
    model = Toy()
    model(X)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert tracer._members == {}


def test_what_the_model_raises_is_the_programs(trace, program_tracer):
    program_tracer()
    model = nn.Sequential(Fails())
    with pytest.raises(KeyError, match="on purpose"):
        model(True)
    model(False)
    assert [(r["module"], r["call"]) for r in trace.records()] == [("0", 1)]


def test_trouble_of_the_tracer_never_reaches_the_program(trace, program_tracer, monkeypatch, caplog):
    tracer = program_tracer()
    monkeypatch.setattr(tracer, "_adopt", lambda module: 1 / 0)
    model = Toy()
    with caplog.at_level(logging.ERROR):
        model(X)
        model(X)
    assert [record.getMessage() for record in caplog.records] == ["a module could not be traced, the program goes on"]


def test_roots_of_other_threads(trace, program_tracer):
    program_tracer()
    model = Toy()
    threads = [threading.Thread(target=lambda: model(X)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((r["module"], r["call"]) for r in trace.records() if r["module"] == "other") == [
        ("other", call) for call in range(4)
    ]


class UsesWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Linear(2, 2)
        self.directly = nn.Linear(2, 2)
        self.idle = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))

    def forward(self, x):
        return F.linear(self.used(x), self.directly.weight)


def test_weights_of_modules_that_were_never_called_are_listed(trace, program_tracer):
    tracer = program_tracer()
    model = UsesWeights()
    model(X)
    said = lines(tracer.roots)
    assert said[0] == f"traced to {trace.path}: model (1 calls from outside)"
    assert said[1].startswith("unseen: these modules of model have weights but were never called")
    assert said[2:] == ["  directly", "  idle (2 modules with weights)"]


def test_a_pattern_that_matches_in_no_root_is_told_at_the_end(trace, program_tracer, caplog):
    trace.set(LAYERS="blok")
    tracer = program_tracer()
    model = Toy()
    model(X)
    with caplog.at_level(logging.WARNING):
        tracer.report()
    assert "matches no module; the nearest are block" in caplog.text


class Compiled(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Toy()
        self.second = Toy()

    def forward(self, x):
        return self.second(self.first(x))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("fullgraph", [False, True])
def test_a_compiled_module_is_traced_at_its_boundary(trace, program_tracer, caplog, in_place, fullgraph):
    torch._dynamo.reset()
    program_tracer()
    model = Compiled()
    expected = model(X)
    if in_place:
        model.first.compile(backend="eager", fullgraph=fullgraph)
    else:
        model.first = torch.compile(model.first, backend="eager", fullgraph=fullgraph)
    before = len(trace.records())
    with caplog.at_level(logging.WARNING):
        assert torch.equal(model(X), expected)
        model(X)
    assert "module first of model is compiled: it is traced at its boundary" in caplog.text
    seen = [(r["module"], r["call"]) for r in trace.records()[before:]]
    second = ["second.block.0", "second.block.1", "second.block", "second.other", "second"]
    assert seen == [(name, call) for call in (1, 2) for name in ("first", *second)]


def test_a_compiled_root_is_traced_at_its_boundary(trace, program_tracer):
    torch._dynamo.reset()
    program_tracer()
    model = Toy()
    expected = model(X)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(X), expected)
    assert [(r["root"], r["module"]) for r in trace.records()][-1] == ("compiled", "")


def test_a_compiled_function_sees_the_model_as_it_is(trace, program_tracer):
    torch._dynamo.reset()
    program_tracer()
    model = Toy()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compile(lambda x: model(x) + 1, backend=backend, fullgraph=True)(X)
    assert len(graphs) == 1


def test_a_scripted_module_is_traced_at_its_boundary(trace, program_tracer, caplog):
    program_tracer()
    model = nn.Sequential(torch.jit.script(Toy()), nn.Linear(2, 2))
    model(X)
    assert "module 0 of model is compiled" in caplog.text
    assert [r["module"] for r in trace.records()] == ["0", "1"]


def test_a_wrapper_for_parallel_runs_is_seen_through(trace, program_tracer):
    program_tracer()
    model = nn.DataParallel(Toy())
    model(X)
    assert modules_of(trace, "model") == {"block", "block.0", "block.1", "other"}


def test_a_timestep_without_values_costs_the_step_alone(trace, program_tracer):
    program_tracer()
    model = Denoiser().to("meta")
    model(X.to("meta"), torch.ones(1, device="meta"))
    assert {(r["module"], r["step"]) for r in trace.records()} >= {("block", None), ("other", None)}
