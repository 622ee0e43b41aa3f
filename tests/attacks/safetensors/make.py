#!/usr/bin/env python3
"""Makes the hostile safetensors files beside this script. Each breaks one rule of the format; the reader must refuse all."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).parent
LONGEST_HEADER = 100_000_000


def tensor(begin=0, end=8, shape=(2,), dtype="F32", **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


def file(header, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


TENSOR = json.dumps(tensor()).encode()

ATTACKS = {
    "empty": b"",
    "shorter_than_length": b"\x08\0\0\0",
    "length_only": (0).to_bytes(8, "little"),
    "length_beyond_file": file({"a": tensor()}, length=4096),
    "length_beyond_limit": file({"a": tensor()}, length=LONGEST_HEADER + 1),
    "length_all_ones": file({"a": tensor()}, length=2**64 - 1),
    "length_wraps_with_its_own_eight_bytes": file({"a": tensor()}, length=2**64 - 8),
    "header_leading_space": file(b" " + json.dumps({"a": tensor()}).encode()),
    "header_is_a_list": file([tensor()]),
    "header_is_not_json": file(b"{'a': 1}"),
    "header_cut": file(json.dumps({"a": tensor()}).encode()[:-1]),
    "header_two_values": file(b"{}{}", b""),
    "header_not_utf8": file(b'{"\xff\xfe":' + TENSOR + b"}"),
    "header_nested_deeply": file(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "header_nul_after_object": file(json.dumps({"a": tensor()}).encode() + b"\0"),
    "name_twice": file(b'{"a":' + TENSOR + b',"a":' + TENSOR + b"}"),
    "name_twice_escaped": file(b'{"a":' + TENSOR + b',"\\u0061":' + TENSOR + b"}"),
    "metadata_twice": file(b'{"__metadata__":{},"__metadata__":{}}', b""),
    "metadata_is_a_list": file({"__metadata__": ["pt"]}, b""),
    "metadata_holds_a_number": file({"__metadata__": {"step": 1}}, b""),
    "metadata_key_twice": file(b'{"__metadata__":{"k":"1","k":"2"}}', b""),
    "entry_is_null": file({"a": None}),
    "entry_without_dtype": file({"a": {"shape": [2], "data_offsets": [0, 8]}}),
    "entry_without_shape": file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}),
    "entry_without_offsets": file({"a": {"dtype": "F32", "shape": [2]}}),
    "entry_dtype_twice": file(b'{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}'),
    "dtype_unknown": file({"a": tensor(dtype="F31")}),
    "dtype_is_a_number": file({"a": tensor(dtype=32)}),
    "shape_is_a_string": file({"a": {**tensor(), "shape": "2"}}),
    "shape_negative": file({"a": tensor(shape=(-1, -2))}),
    "shape_fraction": file({"a": tensor(shape=(2.0,))}),
    "shape_beyond_int64": file({"a": tensor(shape=(2**63,))}),
    "shape_beyond_uint64": file({"a": tensor(shape=(2**64,))}),
    "shape_overflows": file({"a": tensor(shape=(2**32, 2**32), end=0)}, b""),
    "shape_overflows_to_the_right_size": file({"a": tensor(shape=(2**62 + 1, 4, 2), end=32)}, b"\0" * 32),
    "shape_bytes_overflow": file({"a": tensor(shape=(2**62,), dtype="F64", end=0)}, b""),
    "shape_overflows_before_a_zero": file({"a": tensor(shape=(2**62, 4, 0), end=0)}, b""),
    "shape_larger_than_offsets": file({"a": tensor(shape=(3,))}),
    "shape_smaller_than_offsets": file({"a": tensor(shape=(1,))}),
    "offsets_reversed": file({"a": tensor(begin=8, end=0)}),
    "offsets_one": file({"a": {**tensor(), "data_offsets": [8]}}),
    "offsets_three": file({"a": {**tensor(), "data_offsets": [0, 4, 8]}}),
    "offsets_negative": file({"a": tensor(begin=-8, end=0)}),
    "offsets_text": file({"a": {**tensor(), "data_offsets": ["0", "8"]}}),
    "offsets_beyond_file": file({"a": tensor(begin=0, end=16, shape=(4,))}),
    "offsets_near_2_to_64": file({"a": tensor(begin=2**64 - 9, end=2**64 - 1)}),
    "offsets_into_header": file({"a": tensor(), "b": tensor(begin=2**64 - 8, end=2**64 - 1, shape=(7,), dtype="U8")}),
    "hole_before": file({"a": tensor(begin=8, end=16)}, b"\0" * 16),
    "hole_between": file({"a": tensor(), "b": tensor(begin=12, end=20)}, b"\0" * 20),
    "bytes_after": file({"a": tensor()}, b"\0" * 9),
    "overlap": file({"a": tensor(), "b": tensor(begin=4, end=12)}, b"\0" * 12),
    "same_data_twice": file({"a": tensor(), "b": tensor()}),
    "empty_tensor_inside_another": file({"a": tensor(), "b": tensor(begin=4, end=4, shape=(0,))}),
    "data_cut": file({"a": tensor()}, b"\0" * 7),
}

if __name__ == "__main__":
    for name, content in ATTACKS.items():
        (FOLDER / f"{name}.safetensors").write_bytes(content)
    print(f"{len(ATTACKS)} files in {FOLDER}")
