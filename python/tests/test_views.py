"""FASTVIDEO_TRACE_VIEW: tensors are recorded as rules of a file say, against what torch makes of them."""

import json
import logging
import math
import os
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from traced_models import Returns, Toy, traced_call

from fvhooks.activation_trace import trace_step
from fvhooks.stats import tensor_stats

STATISTICS = ["sum", "abs_max", "shape", "dtype"]


@pytest.fixture
def view(trace, tmp_path):
    """Writes the file of views."""

    def write(*rules: str):
        path = tmp_path / "port.view"
        path.write_text("\n".join(rules) + "\n")
        trace.set(VIEW=str(path), STATS=",".join(STATISTICS))
        return path

    return write


def warnings_in(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def assert_records(record: dict, tensor: torch.Tensor) -> None:
    expected = tensor_stats(tensor, STATISTICS)
    assert {key: record.get(key) for key in expected} == expected


def test_a_fused_projection_is_recorded_as_its_parts(trace, view):
    view("child out = chunk -1 into attn.to_q, attn.to_k, attn.to_v")
    value = torch.randn(1, 5, 12)
    traced_call(Returns(value))
    records = trace.records()
    assert [(record["module"], record["tensor"]) for record in records] == [
        ("attn.to_q", "out"),
        ("attn.to_k", "out"),
        ("attn.to_v", "out"),
    ]
    for record, part in zip(records, value.chunk(3, -1)):
        assert_records(record, part)


def test_unequal_parts_are_split_and_one_need_not_be_recorded(trace, view):
    view("child out = split -1 s1/2 2 -1 into to_q out, -, to_v out.value")
    value = torch.randn(3, 12)
    traced_call(Returns(value))
    first, last = trace.records()
    assert (first["module"], last["module"], last["tensor"]) == ("to_q", "to_v", "out.value")
    assert_records(first, value[:, :6])
    assert_records(last, value[:, 8:])


def test_each_call_of_a_batch_is_recorded_as_several_calls(trace, view):
    view("** = chunk 0 into 2 calls")
    value = torch.randn(2, 4)
    model = Returns(value)

    def forward_twice(call=model.forward):
        call()
        return call()

    model.forward = forward_twice
    with trace_step(0):
        traced_call(model)
    assert [record["call"] for record in trace.records()] == [0, 1, 2, 3]
    for record, i in zip(trace.records(), (0, 1, 0, 1)):
        assert_records(record, value[i : i + 1])


def test_inputs_have_rules_as_well(trace, view):
    view("other in[0] = chunk 0 into 2 calls", "other out = repeat into 2 calls")
    trace.set(INPUTS="1", LAYERS="other")
    traced_call(Toy(), torch.ones(2, 2))
    assert [(record["tensor"], record["call"], record["shape"]) for record in trace.records()] == [
        ("in[0]", 0, [1, 2]),
        ("in[0]", 1, [1, 2]),
        ("out", 0, [2, 2]),
        ("out", 1, [2, 2]),
    ]


def test_a_whole_tensor_is_recorded_as_the_shards_of_ranks(trace, view):
    view("child out = chunk -1 into 2 ranks")
    value = torch.randn(3, 4)
    traced_call(Returns(value))
    assert [record["rank"] for record in trace.records()] == [0, 1]
    for record, part in zip(trace.records(), value.chunk(2, -1)):
        assert_records(record, part)


def test_views_are_taken_of_every_leaf_with_a_label_that_begins_so(trace, view):
    view("child out.pair* = permute 1 0")
    traced_call(Returns({"pair": [torch.zeros(2, 3), torch.zeros(4, 5)], "other": torch.zeros(6, 7)}))
    assert {record["tensor"]: record["shape"] for record in trace.records()} == {
        "out.pair[0]": [3, 2],
        "out.pair[1]": [5, 4],
        "out.other": [6, 7],
    }


def test_gradients_flow_as_if_nothing_was_viewed(trace, view):
    view("block.0 = permute 1 0 | reshape -1")
    model, plain = Toy(), Toy()
    plain.load_state_dict(model.state_dict())
    traced_call(model, torch.ones(3, 2)).sum().backward()
    plain(torch.ones(3, 2)).sum().backward()
    for mine, theirs in zip(model.parameters(), plain.parameters()):
        assert torch.equal(mine.grad, theirs.grad)


@pytest.mark.parametrize(
    "value",
    [torch.randn(3, 4, dtype=torch.complex64).conj(), torch.randn(3, 4).bfloat16(), torch.arange(12).view(3, 4)],
)
def test_dtypes_conjugates_and_the_device_path_are_kept(trace, view, value):
    view("child out = permute 1 0")
    traced_call(Returns(value))
    trace.set(DEVICE_PATH="1")
    traced_call(Returns(value))
    first, second = trace.records()
    assert_records(first, value.t())
    assert second["shape"] == [4, 3]
    assert second["dtype"] == str(value.dtype)


def test_bad_lines_and_rules_without_a_module_are_warned_of_and_the_rest_holds(trace, view, caplog):
    path = view("# rules", "child out = chunk 0 to b", "chlid out = permute 1 0", "child out = permute 1 0")
    traced_call(Returns(torch.zeros(2, 3)))
    assert [record["shape"] for record in trace.records()] == [[3, 2]]
    bad, unmatched = warnings_in(caplog)
    assert bad.startswith(f"{path}:2: that is no chunk: write one of")
    assert unmatched.startswith(f"{path}:3: the rule matches none of the model's 2 modules: write")


def test_a_shape_that_does_not_fit_is_warned_of_once_and_recorded_as_it_is(trace, view, caplog):
    path = view("child out = chunk 1 into a, b")
    model = Returns(torch.zeros(2, 3))
    model.forward = lambda call=model.forward: (call(), call())
    traced_call(model)
    assert [(record["module"], record["shape"]) for record in trace.records()] == [("child", [2, 3])] * 2
    (warning,) = warnings_in(caplog)
    assert warning == (
        f'{path}:1: the rule cannot be applied to "child" out of shape [2, 3]: dimension 1 of 3 elements has no 2 equal '
        "parts. It is recorded as it is"
    )
    traced_call(model)
    assert warnings_in(caplog) == [warning] * 2  # each attach reads the file anew


def test_a_tensor_without_elements_to_read_is_recorded_as_it_is(trace, view, caplog):
    view("child out = chunk 0 into a, b")
    traced_call(Returns(torch.empty(2, 3, device="meta")))
    assert [(record["module"], record["shape"]) for record in trace.records()] == [("child", [2, 3])]
    assert not warnings_in(caplog)


def test_a_file_that_cannot_be_read_is_an_error_of_the_attach(trace):
    trace.set(VIEW="/nowhere/port.view")
    with pytest.raises(OSError, match="FASTVIDEO_TRACE_VIEW: /nowhere/port.view: cannot be read: No such file"):
        traced_call(Toy(), torch.ones(1, 2))
    assert not trace.path.exists()


@st.composite
def strided_tensors(draw) -> torch.Tensor:
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    order = draw(st.permutations(range(len(sizes))))
    tensor = torch.randn(sizes, generator=torch.Generator().manual_seed(draw(st.integers(0, 99)))).permute(order)
    if draw(st.booleans()):
        tensor = tensor[:, None] if tensor.dim() == 1 else tensor[..., ::2]
    if draw(st.booleans()):
        tensor = tensor.expand(draw(st.integers(1, 3)), *tensor.shape)
    return tensor


def a_permute(draw, tensors):
    order = draw(st.permutations(range(tensors[0].dim())))
    return "permute " + " ".join(map(str, order)), [tensor.permute(order) for tensor in tensors]


def a_reshape(draw, tensors):
    sizes, left = [], tensors[0].numel()
    while left > 1:
        sizes.append(draw(st.sampled_from([size for size in range(2, left + 1) if left % size == 0])))
        left //= sizes[-1]
    sizes.insert(draw(st.integers(0, len(sizes))), draw(st.sampled_from([1, -1])))
    return "reshape " + " ".join(map(str, sizes)), [tensor.reshape(sizes) for tensor in tensors]


def a_slice(draw, tensors):
    dimension = draw(st.integers(0, tensors[0].dim() - 1))
    size = tensors[0].shape[dimension]
    start = draw(st.integers(0, size - 1))
    end, step = draw(st.integers(start + 1, size)), draw(st.integers(1, 3))
    chosen = [slice(None)] * dimension + [slice(start, end, step)]
    first = draw(st.sampled_from([start, start - size]))
    return f"slice {dimension} {first}:{end}:{step}", [tensor[tuple(chosen)] for tensor in tensors]


def a_chunk(draw, tensors):
    dimension = draw(st.integers(-tensors[0].dim(), -1))
    size = tensors[0].shape[dimension]
    count = draw(st.sampled_from([count for count in range(1, size + 1) if size % count == 0]))
    return (
        f"chunk {dimension} into {count} calls",
        [part for tensor in tensors for part in tensor.split(size // count, dimension)],
    )


@settings(max_examples=150, deadline=None)
@given(tensor=strided_tensors(), data=st.data())
def test_operations_are_torchs(tmp_path_factory, tensor, data):
    texts, expected = [], [tensor]
    for operation in data.draw(
        st.lists(st.sampled_from([a_permute, a_reshape, a_slice, a_chunk]), min_size=1, max_size=4)
    ):
        text, expected = operation(data.draw, expected)
        texts.append(text)
    folder = tmp_path_factory.mktemp("views")
    (folder / "port.view").write_text(f"child out = {' | '.join(texts)}\n")
    environment = {
        "FASTVIDEO_TRACE_ACTIVATIONS": "1",
        "FASTVIDEO_TRACE_OUTPUT": str(folder / "trace.jsonl"),
        "FASTVIDEO_TRACE_STATS": ",".join(STATISTICS),
        "FASTVIDEO_TRACE_VIEW": str(folder / "port.view"),
    }
    with mock.patch.dict(os.environ, environment):
        traced_call(Returns(tensor))
    records = [json.loads(line) for line in (folder / "trace.jsonl").read_text().splitlines()]
    assert [record["call"] for record in records] == list(range(len(expected)))
    for record, part in zip(records, expected):
        assert math.prod(record["shape"]) == part.numel()
        assert_records(record, part)
