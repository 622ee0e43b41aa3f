"""Where a tensor lies in a module's output, in the words of docs/record.md."""

import collections
import dataclasses
import re

import pytest
import torch
from diffusers.utils import BaseOutput
from hypothesis import example, given
from hypothesis import strategies as st

from fvhooks import _C

t = torch.zeros(1)
Pair = collections.namedtuple("Pair", "first second")


@dataclasses.dataclass
class Output:
    sample: torch.Tensor
    mask: "torch.Tensor | None" = None
    extra: object = None
    never_set: object = dataclasses.field(init=False, repr=False)


@dataclasses.dataclass
class DiffusersOutput(BaseOutput):
    sample: torch.Tensor
    other: "tuple | None" = None


class ModelOutput(collections.OrderedDict):
    """As transformers' class of this name: a dataclass and a mapping at once, without the fields that are None."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if (value := getattr(self, field.name)) is not None:
                super().__setitem__(field.name, value)


@dataclasses.dataclass
class TransformersOutput(ModelOutput):
    sample: torch.Tensor
    logits: "torch.Tensor | None" = None
    other: "tuple | None" = None


class SameRepr:
    def __repr__(self):
        return "same"


def labels(value):
    return [label for label, _ in _C.labelled_tensors(value, "out")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (t, ["out"]),
        (torch.nn.Parameter(t), ["out"]),
        ((t, [t, (t,)]), ["out[0]", "out[1][0]", "out[1][1][0]"]),
        (Pair(t, t), ["out[0]", "out[1]"]),
        ({"sample": t, "a-b_1": t}, ["out.sample", "out.a-b_1"]),
        (collections.OrderedDict(b=t, a=t), ["out.b", "out.a"]),
        (collections.UserDict(a=t), ["out.a"]),
        ({1: t, "1": t, -1: t, "-1": t}, ["out.1", 'out["1"]', "out.-1", 'out["-1"]']),
        ({"a.b": t, "a": {"b": t}}, ['out["a.b"]', "out.a.b"]),
        ({"": t, "é": t, '"': t, "\n": t}, ['out[""]', 'out["é"]', 'out["\\""]', 'out["\\n"]']),
        ({None: t, "None": t}, ['out[<"None">]', "out.None"]),
        ({None: t}, ['out[<"None">]']),
        ({(1, "a"): t, 1.5: t, 10**30: t}, ["out[<\"(1, 'a')\">]", 'out[<"1.5">]', f'out[<"{10**30}">]']),
        ({'<"None">': t, "\ud800": t}, ['out["<\\"None\\">"]', "out[<\"'\\\\ud800'\">]"]),
        ({SameRepr(): t, SameRepr(): {"a": t}}, ['out[<"same">]', 'out[<<"same">>].a']),
        (Output(t), ["out.sample"]),
        (Output(t, mask=t, extra=[{"a": t}]), ["out.sample", "out.mask", "out.extra[0].a"]),
        (DiffusersOutput(sample=t, other=(t, t)), ["out.sample", "out.other[0]", "out.other[1]"]),
        (DiffusersOutput(sample=t), ["out.sample"]),
        (TransformersOutput(sample=t, other=(t,)), ["out.sample", "out.other[0]"]),
        (None, []),
        ("text", []),
        (b"bytes", []),
        ([1, 2.5, None, "x", t], ["out[4]"]),
        (torch.Size([1, 2]), []),
        (object(), []),
        (Output, []),
        ([], []),
    ],
)
def test_labels(value, expected):
    assert labels(value) == expected


def test_a_container_met_again_inside_itself_is_not_entered_again():
    cyclic = [t]
    cyclic.append(cyclic)
    cyclic.append({"again": cyclic, "t": t})
    assert labels(cyclic) == ["out[0]", "out[2].t"]


def test_a_container_that_hangs_in_two_places_is_entered_twice():
    shared = [t]
    assert labels([shared, shared]) == ["out[0][0]", "out[1][0]"]


def test_depth_is_bounded():
    deep = t
    for _ in range(100_000):
        deep = [deep]
    assert labels([deep, t]) == ["out[1]"]
    while isinstance(deep, list):  # one by one: CPython would recurse
        deep = deep[0]


def test_iterators_are_not_used_up():
    generator = (t for _ in range(3))
    assert labels([generator, iter([t])]) == []
    assert len(list(generator)) == 3


keys = st.text(max_size=8) | st.integers() | st.none() | st.floats(allow_nan=False) | st.tuples(st.integers())


@given(keys, keys)
@example(None, "None")
@example(None, '<"None">')
@example(1.5, "1.5")
@example((0,), "(0,)")
def test_two_keys_share_a_label_in_no_two_mappings(one, other):
    assert (labels({one: t}) == labels({other: t})) == (repr(one) == repr(other))


values = st.recursive(
    st.just(t),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=20,
)


@given(values)
def test_no_two_paths_share_a_label(value):
    found = labels(value)
    assert len(found) == len(set(found))
    assert all(re.match(r"out($|\[|\.)", label) for label in found)
