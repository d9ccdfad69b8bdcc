"""Objects of other programs in torch's files: what is read, and that nothing that a file asks for is done."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from detectron2_files import classes, filled

from hcmoco_bench.files.object_pickle import Name, ObjectPickle, StoredObject
from hcmoco_bench.files.pickle_machine import PickleRefusedError
from hcmoco_bench.files.tensor_files import TensorFileError
from hcmoco_bench.files.torch_objects import StoredTensor, is_torch_file, read_torch_objects

KIND = "elsewhere.results"
FORMATS = pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "older"])


def known(name: Name) -> bool:
    return name == (KIND, "Result")


def save(path: Path, content: Any, *, zip_format: bool = True, protocol: int = 2) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zip_format, pickle_protocol=protocol)
    return path


def plain(value: Any) -> Any:
    """Stored tensors and objects as arrays and dictionaries, for comparisons."""
    if isinstance(value, StoredTensor):
        return value.array().tolist()
    if isinstance(value, StoredObject):
        return {"class": value.name, **plain(value.state)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return type(value)(plain(item) for item in value) if isinstance(value, list | tuple) else value


@FORMATS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back(tmp_path: Path, protocol: int, zip_format: bool) -> None:
    numbers = [0, 255, 256, 65_535, 65_536, -1, -(2**31), 2**40, -(2**70), 1.5, float("inf")]
    content = {
        "numbers": numbers,
        "texts": ["", "a", "ü€😀", "x" * 70_000],
        "constants": [None, True, False],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "nested": [[{}, {"a": [1]}]],
        7: OrderedDict(),
        "same": [numbers, numbers],
    }
    path = save(tmp_path / "x.pth", content, zip_format=zip_format, protocol=protocol)
    assert is_torch_file(path)
    assert read_torch_objects(path, known) == content


@FORMATS
def test_tensors_of_each_type_and_layout_come_back(tmp_path: Path, zip_format: bool) -> None:
    types = (
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.float32,
        torch.float64,
    )
    whole = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    content = {
        "types": [torch.arange(5).to(kind) for kind in types] + [torch.tensor([True, False])],
        "views": [whole, whole.permute(2, 0, 1), whole[1, :, 1:3], whole[:, ::2], torch.tensor(7.0)],
        "empty": [torch.zeros(0), torch.zeros(3, 0, 4), whole[2:]],
    }
    found = read_torch_objects(save(tmp_path / "x.pth", content, zip_format=zip_format), known)
    for name, tensors in content.items():
        for stored, tensor in zip(found[name], tensors, strict=True):
            array = stored.array()
            assert (array.shape, array.dtype) == (tuple(tensor.shape), tensor.numpy().dtype)
            np.testing.assert_array_equal(array, tensor.numpy())
            assert array.flags.writeable


@FORMATS
@pytest.mark.parametrize("protocol", [2, 4])
def test_objects_of_a_class_that_cannot_be_imported_are_their_attributes(
    tmp_path: Path, protocol: int, zip_format: bool
) -> None:
    with classes(KIND, "Result") as (kind,):
        one = filled(kind, values=torch.tensor([1, 2]), name="x", inner=filled(kind, a=1))
        path = save(tmp_path / "x.pth", [one, one, filled(kind)], zip_format=zip_format, protocol=protocol)
    assert KIND not in sys.modules
    found = read_torch_objects(path, known)
    assert plain(found[0]) == {
        "class": (KIND, "Result"),
        "values": [1, 2],
        "name": "x",
        "inner": {"class": (KIND, "Result"), "a": 1},
    }
    assert found[1] is found[0]
    assert found[2].state == {}
    with pytest.raises(TensorFileError, match=r"elsewhere\.results\.Result") as caught:
        read_torch_objects(path, lambda name: False)
    assert caught.value.kind == "foreign"


class Runs:
    """Pickled, it is a call of a function with the path of a file that the call would make."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@FORMATS
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["alone", "in a list", "in an object", "as a tensor's size"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, place: str, protocol: int, zip_format: bool) -> None:
    made = tmp_path / "made"
    for attack in (
        Runs(os.system, f"touch {made}"),
        Runs(builtins.eval, f"open({str(made)!r}, 'w')"),
        Runs(builtins.getattr, "", "join"),
        Runs(torch.load, str(made)),
        Runs(bytearray, 2**50),
    ):
        with classes(KIND, "Result") as (kind,):
            content = {
                "alone": attack,
                "in a list": [1, torch.zeros(2), attack],
                "in an object": [filled(kind, values=attack)],
                "as a tensor's size": [Runs(torch._utils._rebuild_tensor_v2, attack, 0, (1,), (1,), False, {})],
            }[place]
            path = save(tmp_path / "x.pth", content, zip_format=zip_format, protocol=protocol)
        with pytest.raises(TensorFileError, match="it asks for") as caught:
            read_torch_objects(path, known)
        assert caught.value.kind == "foreign"
    assert not made.exists()


RESULT = b"celsewhere.results\nResult\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
NO_TENSOR = b"}K\x00)))}"


@pytest.mark.parametrize(
    ("operations", "match"),
    [
        (RESULT + b")R.", "a call of elsewhere.results.Result"),
        (RESULT + b"K\x01\x85\x81.", "an object of elsewhere.results.Result"),
        (REBUILD + b")\x81.", "an object of torch._utils._rebuild_tensor_v2"),
        (RESULT + b"}b.", "a change of elsewhere.results.Result"),
        (REBUILD + b"}b.", "a change of torch._utils._rebuild_tensor_v2"),
        (RESULT + b")\x81N}X\x01\x00\x00\x00aK\x01s\x86b.", "a change of"),
        (b"]}b.", "a change of a list"),
        (b"ctorch\nFloatStorage\n)R.", "a call of torch.FloatStorage"),
        (b"K\x01)R.", "a call of a int"),
        (b"(ios\nsystem\n.", "only other kinds of pickle"),
        (b"(cos\nsystem\no.", "os.system"),
        (b"\x82\x01.", "only other kinds of pickle"),
        (b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.", "os.system"),
        (b"\x8c\x02os\x8c\x0bpath.system\x93.", "os.path.system"),
    ],
    ids=str,
)
def test_no_operation_calls_or_changes_anything(operations: bytes, match: str) -> None:
    with pytest.raises(PickleRefusedError, match=match.replace(".", r"\.")):
        reader(operations).run()


@pytest.mark.parametrize(
    "operations",
    [
        b"",
        b".",
        b"(.",
        b"K.",
        b"a.",
        b"X\xff\xff\xff\xffabc.",
        b"\x8e" + b"\xff" * 8 + b".",
        b"j\xff\xff\xff\xff.",
        b"}]K\x01s.",
        b"}K\x01\x85K\x01s.",
        b"}(K\x01u.",
        b"]K\x01K\x02s.",
        b"K\x01K\x02a.",
        REBUILD + NO_TENSOR + b"tR.",
        REBUILD + b"]R.",
        REBUILD + b"(" + NO_TENSOR + b"tR.",
        b"K\x01Q.",
        b"t.",
        b"1.",
        b"\x93.",
    ],
    ids=str,
)
def test_damage_is_an_error_of_its_own(operations: bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, struct.error)):
        reader(operations).run()


def test_a_place_in_the_memory_of_a_pickle_takes_no_room() -> None:
    assert reader(b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.").run() == 7


def reader(operations: bytes) -> ObjectPickle:
    def tensor(storage: Any, *_: Any) -> None:
        raise TypeError(f"no memory, but {type(storage).__name__}")

    def stored(identifier: Any) -> None:
        raise TypeError("no memory")

    functions = {("torch._utils", "_rebuild_tensor_v2"): tensor}
    words = frozenset({("torch", "FloatStorage")})
    stream = io.BytesIO(operations)
    return ObjectPickle(stream, len(operations), functions=functions, records=known, words=words, stored=stored)


def rebuilt(path: Path, offset: Any, shape: Any, strides: Any) -> Any:
    """A file with a tensor of 6 numbers whose place, shape and strides are others than torch would write."""

    class Odd:
        def __init__(self, storage: Any) -> None:
            self.storage = storage

        def __reduce__(self) -> Any:
            arguments = (self.storage, offset, shape, strides, False, OrderedDict())
            return torch._utils._rebuild_tensor_v2, arguments

    return save(path, [Odd(torch.arange(6.0).storage())])


@pytest.mark.filterwarnings("ignore:TypedStorage")
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 4), (3, 1)),
        (0, (10**6, 10**6), (0, 0)),
        (0, (7,), (0,)),
        (6, (1,), (1,)),
        (0, (2,), (2**60,)),
    ],
)
def test_tensors_outside_of_their_memory_are_refused(tmp_path: Path, offset: int, shape: Any, strides: Any) -> None:
    path = rebuilt(tmp_path / "x.pth", offset, shape, strides)
    (stored,) = read_torch_objects(path, known)
    with pytest.raises(TensorFileError, match="outside of its memory"):
        stored.array()


@pytest.mark.filterwarnings("ignore:TypedStorage")
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 3), (1,)),
        (0, (1,) * 9, (1,) * 9),
        (0.0, (2,), (1,)),
    ],
)
def test_sizes_that_are_none_are_damage(tmp_path: Path, offset: Any, shape: Any, strides: Any) -> None:
    path = rebuilt(tmp_path / "x.pth", offset, shape, strides)
    with pytest.raises(TensorFileError) as caught:
        read_torch_objects(path, known)
    assert caught.value.kind == "damaged"


def test_archives_that_are_not_torchs(tmp_path: Path) -> None:
    bomb, other, torn = tmp_path / "bomb.pth", tmp_path / "other.pth", tmp_path / "torn.pth"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"]" * 10_000_000)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "x")
    save(torn, [torch.arange(100.0)])
    content = bytearray(torn.read_bytes())
    content[content.index(struct.pack("<f", 50.0))] ^= 1
    torn.write_bytes(content)
    for path, match in ((bomb, "compressed"), (other, r"data\.pkl"), (torn, "checksum")):
        with pytest.raises(TensorFileError, match=match):
            read_torch_objects(path, known)


@FORMATS
def test_a_file_that_is_cut_short_or_changed_anywhere_never_fails_otherwise(tmp_path: Path, zip_format: bool) -> None:
    with classes(KIND, "Result") as (kind,):
        content = [{"a": filled(kind, values=torch.arange(4)), "b": [1.5, "x", (1, 2)]}, torch.zeros(2, 3)]
        whole = save(tmp_path / "x.pth", content, zip_format=zip_format).read_bytes()
    path, rng = tmp_path / "changed.pth", np.random.default_rng(0)
    for number in range(200):
        changed = bytearray(whole)
        if number < 40:
            del changed[int(rng.integers(len(whole))) :]
        else:
            for place in rng.integers(len(whole), size=int(rng.integers(1, 4))):
                changed[place] = int(rng.integers(256))
        path.write_bytes(changed)
        with suppress(TensorFileError):
            plain(read_torch_objects(path, known))


def test_other_files_are_no_torch_files(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"", b"[]", b'{"a": 1}', b"\x93NUMPY"):
        path.write_bytes(content)
        assert not is_torch_file(path)
    buffer = io.BytesIO()
    pickle.dump([1, 2], buffer)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(TensorFileError, match=r"torch\.save"):
        read_torch_objects(path, known)
    path.write_bytes(b"")
    with pytest.raises(TensorFileError):
        read_torch_objects(path, known)
