"""Pickles are read without running anything: what is plain comes back, and everything else is refused."""

from __future__ import annotations

import copyreg
import os
import pickle
import struct
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

keys = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
plain = st.recursive(
    keys,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner) | st.tuples(inner, inner, inner)
    ),
    max_leaves=20,
)


class Calls:
    """Pickled as a call, which Python's own unpickler would make."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


class Plain:
    """Pickled as an object of a class."""

    def __init__(self) -> None:
        self.value = 1


def read(folder: Path, content: bytes, **limits: int) -> Any:
    path = folder / "some.pkl"
    path.write_bytes(content)
    return read_plain_pickle(path, **limits)


@given(value=plain, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_values_come_back(tmp_path: Path, value: Any, protocol: int) -> None:
    assert read(tmp_path, pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 1, 7, dtype=np.float32)[:, None],
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        np.zeros((0, 5)),
        np.array(3.5),
        np.array([True, False]),
    ],
)
def test_arrays_and_their_scalars_come_back(tmp_path: Path, values: np.ndarray, protocol: int) -> None:
    scalar = values.ravel()[0] if values.size else np.float64(7)
    content = {"boxes": [values, values[:1]] if values.ndim else [values, values], "first": scalar}
    found = read(tmp_path, pickle.dumps(content, protocol=protocol))
    for one, expected in zip(found["boxes"], content["boxes"], strict=True):
        np.testing.assert_array_equal(one, expected)
        assert one.dtype == expected.dtype
    assert found["first"] == scalar
    assert type(found["first"]) in (int, float, bool)
    if values.size:
        with pytest.raises(ValueError, match="read-only"):
            found["boxes"][0][...] = 0


def test_types_of_both_byte_orders_do_not_get_mixed_up(tmp_path: Path) -> None:
    """Types of one size are one object in numpy; each keeps its own order here."""
    content = [np.array([1.0], "<f4"), np.array([1.0], ">f4"), np.array([2.0], "<f4"), np.array([2.0], ">f4")]
    for protocol in PROTOCOLS:
        found = read(tmp_path, pickle.dumps(content, protocol=protocol))
        assert [array.tolist() for array in found] == [[1.0], [1.0], [2.0], [2.0]]


def test_a_file_of_python_2(tmp_path: Path) -> None:
    """As `cPickle.dumps({'1': array}, 2)` and protocol 0 of Python 2 wrote it: texts come as bytes."""
    raw = np.array([[1.0, 2.0]], "<f4").tobytes()
    kind = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87RK\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    kind = kind.replace(b"RK\x03", b"R(K\x03")
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    state = b"(K\x01K\x01K\x02\x86" + kind + b"\x89U" + bytes([len(raw)]) + raw + b"tb"
    found = read(tmp_path, b"\x80\x02}U\x011" + array + state + b"s.")
    np.testing.assert_array_equal(found[b"1"], [[1.0, 2.0]])
    old = b"(dp0\nS'a\\x80'\np1\n(lp2\nI01\naL12345678901L\naF1.5\naVz\\u00e9\nas."
    assert read(tmp_path, old) == {b"a\x80": [True, 12345678901, 1.5, "zé"]}


def test_what_is_held_once_is_one_object_also_in_a_circle(tmp_path: Path) -> None:
    inner = [1, 2]
    circle: list[Any] = [inner, inner]
    circle.append(circle)
    for protocol in PROTOCOLS:
        found = read(tmp_path, pickle.dumps(circle, protocol=protocol))
        assert found[0] is found[1]
        assert found[2] is found


NUMPY = b"cnumpy.core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\nU\x02f4\x85R(K\x03U\x01<tb"
BAD: dict[str, bytes] = {
    **{f"os.system, protocol {p}": pickle.dumps(Calls(os.system, "touch hacked"), protocol=p) for p in PROTOCOLS},
    "in a list": pickle.dumps([1, {"a": Calls(os.system, "touch hacked")}]),
    "eval": pickle.dumps(Calls(eval, "open('hacked', 'w')")),
    "a file of numpy": pickle.dumps(Calls(np.fromfile, "/etc/hostname")),
    "numpy writes": pickle.dumps(Calls(np.save, "hacked", 1)),
    "an attribute": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "a name from the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch hacked\x85R.",
    "a name of other types": b"\x80\x04K\x01K\x02\x93.",
    "another codec": pickle.dumps(Calls(__import__("_codecs").encode, "touch", "rot13")),
    "an old instance": b"(S'touch hacked'\nios\nsystem\n.",
    "an old object": b"(cos\nsystem\nS'touch hacked'\no.",
    "a new object": pickle.dumps(Plain(), protocol=2),
    "a new object with names": b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "of a known class": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "a known class that is called": b"\x80\x02cnumpy\nndarray\n)R.",
    "a call of a number": b"K\x01)R.",
    "a call of a text": b"X\x02\x00\x00\x00os)R.",
    "a call without a tuple": b"cnumpy\ndtype\nX\x02\x00\x00\x00f4R.",
    "a state of a class": b"cnumpy\nndarray\n}X\x0c\x00\x00\x00__setstate__cnumpy\ndtype\nsb.",
    "a state of a dictionary": b"}}X\x08\x00\x00\x00__dict__K\x01sb.",
    "a state of an array": NUMPY + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x00\x85" + DTYPE + b"\x89C\x00tb}b.",
    "a state with a method": pickle.dumps(Calls(dict, state={"__setstate__": 1})),
    "a persistent id": b"Pos.system\n.",
    "a persistent id from the stack": b"X\x02\x00\x00\x00osQ.",
    "an extension": b"\x80\x02\x82\x01)R.",
    "a buffer from outside": b"\x80\x05\x97.",
    "a set": pickle.dumps({1, 2}),
    "a frozen set": pickle.dumps(frozenset({1})),
    "an ordered dictionary": pickle.dumps(OrderedDict(a=1)),
    "a fraction": pickle.dumps(Fraction(1, 3)),
    "a function": pickle.dumps(len),
    "a class": pickle.dumps(Plain),
    "a known name as a value": b"\x80\x02]cnumpy\nndarray\na.",
    "an unfinished type as a value": b"\x80\x02cnumpy\ndtype\nU\x02f4\x85R.",
    "an unfinished array as a value": NUMPY + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R.",
    "a type as a value": DTYPE + b".",
    "an array of objects": pickle.dumps(np.array([None, Calls(os.system, "touch hacked")])),
    "an array with fields": pickle.dumps(np.zeros(2, "f4,i4")),
    "an array of texts": pickle.dumps(np.array(["a"])),
    "an array of dates": pickle.dumps(np.array(["2020-01-01"], "M8[D]")),
    "an array of another class": pickle.dumps(np.ma.array([1.0])),
    "a matrix": NUMPY + b"cnumpy\nmatrix\nK\x00\x85C\x01b\x87R.",
    "a dictionary by tuples": pickle.dumps({(1, 2): 3}),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_anything_else_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(copyreg._inverted_registry, ("os", "system"), 1)  # type: ignore[attr-defined]
    monkeypatch.setitem(copyreg._inverted_registry, 1, ("os", "system"))  # type: ignore[attr-defined]
    with pytest.raises(PlainPickleError) as caught:
        read(tmp_path, content)
    assert caught.value.kind == ("damaged" if content == BAD["a name of other types"] else "foreign")
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["some.pkl"]


def test_the_message_names_what_the_file_asks_for(tmp_path: Path) -> None:
    with pytest.raises(PlainPickleError, match=r"it asks for (posix|nt)\.system"):
        read(tmp_path, BAD["os.system, protocol 2"])
    with pytest.raises(PlainPickleError, match="the instruction PERSID"):
        read(tmp_path, BAD["a persistent id"])
    with pytest.raises(PlainPickleError, match=r"asks for os\\x1b\[2J.x$"):
        read(tmp_path, b"cos\x1b[2J\nx\n.")  # nothing that a terminal would obey


LARGE = 1 << 40
ANNOUNCED = NUMPY + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R"
COPY = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
BOMBS: dict[str, bytes] = {
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", LARGE) + b"a.",
    "a byte array": b"\x80\x05\x96" + struct.pack("<Q", LARGE) + b"a.",
    "a text": b"\x80\x04\x8d" + struct.pack("<Q", (1 << 64) - 1) + b"a.",
    "a frame": b"\x80\x04\x95" + struct.pack("<Q", LARGE) + b"..",
    "an integer": b"\x80\x02\x8b" + struct.pack("<i", 2_000_000_000) + b"\x01.",
    "a negative size": b"T" + struct.pack("<i", -1) + b"a.",
    "an array": ANNOUNCED + b"(\x8a\x06" + b"\xff" * 5 + b"\x00\x85" + DTYPE + b"\x89C\x04aaaatb.",
    "many copies of a text": b"X\x10\x27\x00\x00" + b"a" * 10_000 + b"q\x000" + COPY * 500 + b".",
    "keys that take forever": b")" + b"2\x86" * 60 + b"q\x00}h\x00K\x01s.",
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_memory_is_bounded_whatever_is_declared(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(PlainPickleError):
            read_plain_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_far_place_in_memory_takes_no_room(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        assert read(tmp_path, b"K\x07r" + struct.pack("<I", 4_000_000_000) + b".") == 7
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_lists_of_lists_take_the_room_of_the_file_alone(tmp_path: Path) -> None:
    """Each level holds the one below ten times: 10^30 items by name, 31 lists in memory."""
    value: list[Any] = [0]
    for _ in range(30):
        value = [value] * 10
    found = read(tmp_path, pickle.dumps(value, protocol=4))
    for _ in range(30):
        assert found[0] is found[9]
        found = found[0]
    assert found == [0]


def test_the_number_of_instructions_is_limited(tmp_path: Path) -> None:
    content = b"(" + b"]" * 10_000 + b"l."
    assert len(read(tmp_path, content)) == 10_000
    with pytest.raises(PlainPickleError, match="more than 5,000 instructions") as caught:
        read(tmp_path, content, max_instructions=5_000)
    assert caught.value.kind == "foreign"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_that_is_cut_short_is_damaged_wherever(tmp_path: Path, protocol: int) -> None:
    whole = pickle.dumps({"1": np.ones((1, 5), np.float32), "2": [1, "text", b"bytes", 1 << 70]}, protocol=protocol)
    for end in range(len(whole) - 1):
        with pytest.raises(PlainPickleError):
            read(tmp_path, whole[:end])


@given(content=st.binary(max_size=60) | st.lists(st.sampled_from(list(BAD.values())), max_size=3).map(b"".join))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_plain_value_or_an_error(tmp_path: Path, content: bytes) -> None:
    with suppress(PlainPickleError):  # any other exception fails
        read(tmp_path, content)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PlainPickleError, match="cannot be read") as caught:
        read_plain_pickle(tmp_path / "none.pkl")
    assert caught.value.kind == "damaged"
