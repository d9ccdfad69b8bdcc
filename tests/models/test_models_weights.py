"""Weights from files: every published layout, every bad file a user will meet, and nothing unpickled."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hcmoco_bench.errors import DataError, HubError
from hcmoco_bench.models.encoders import TimmEncoder, create_encoder
from hcmoco_bench.models.mappers import GlobalMapper
from hcmoco_bench.models.semgcn import SemGCN
from hcmoco_bench.models.weight_files import read_checkpoint, state_dict_in
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.training.foreign_checkpoint import open_checkpoint

NAME = "hrnet_w18_small"


@pytest.fixture(scope="module")
def networks() -> tuple[nn.Module, nn.Module]:
    """Two full HRNets with different weights: published layout, head included."""
    return timm.create_model(NAME), timm.create_model(NAME)


def same(encoder: TimmEncoder, network: nn.Module) -> bool:
    state = network.state_dict()
    return all(torch.equal(value, state[key]) for key, value in encoder.backbone.state_dict().items())


def saved(path: Path, content: object, **options: bool) -> Path:
    torch.save(content, path, **options)
    return path


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


def hcmoco_checkpoint(networks: tuple[nn.Module, nn.Module]) -> dict[str, object]:
    """What HCMoCo's trainer saves: encoders, SemGCN and heads under DistributedDataParallel; bank, optimizer."""
    model: dict[str, Tensor] = {}
    for number, network in enumerate(networks, start=1):
        encoder = create_encoder(NAME)
        encoder.backbone.load_state_dict({k: network.state_dict()[k] for k in encoder.backbone.state_dict()})
        model |= prefixed(f"module.encoder{number}.", encoder.backbone.state_dict())
        model |= prefixed(f"module.head{number}.0.", nn.Linear(240, 128).state_dict())
    model |= prefixed("module.encoder3.", SemGCN(16, [(0, 1)]).state_dict())
    return {"model": model, "contrast": {"memory_1": torch.zeros(4, 128)}, "optimizer": {"state": {}}, "epoch": 100}


def test_published_imagenet_file_loads_with_its_head(tmp_path: Path, networks: tuple[nn.Module, nn.Module]) -> None:
    path = saved(tmp_path / "hrnetv2.pth", networks[0].state_dict(), _use_new_zipfile_serialization=False)
    assert same(create_encoder(NAME, weights=path), networks[0])


def test_safetensors_as_timm_publishes_them(tmp_path: Path, networks: tuple[nn.Module, nn.Module]) -> None:
    save_file(networks[0].state_dict(), tmp_path / "model.safetensors")
    assert same(create_encoder(NAME, weights=tmp_path / "model.safetensors"), networks[0])


@pytest.mark.parametrize(
    ("prefix", "container"),
    [
        ("module.", "state_dict"),
        ("model.", None),
        ("backbone.bottom_up.", "model"),
        ("Backbone.", None),
        ("backbone.", None),
        ("module.encoder.", "model"),
        ("module.model.", None),
        ("_orig_mod.module.model._orig_mod.", "net"),
        ("module.module.encoder_q.", "state_dict"),
        ("encoder_q._orig_mod.", None),
    ],
)
def test_every_prefix_is_found(
    tmp_path: Path, networks: tuple[nn.Module, nn.Module], prefix: str, container: str | None
) -> None:
    state = prefixed(prefix, networks[0].state_dict())
    path = saved(tmp_path / "x.pth", state if container is None else {container: state, "epoch": 3})
    assert same(create_encoder(NAME, weights=path), networks[0])


def test_segmentation_head_may_be_left_over(tmp_path: Path, networks: tuple[nn.Module, nn.Module]) -> None:
    names = create_encoder(NAME).backbone.state_dict()
    encoder = {key: value for key, value in networks[0].state_dict().items() if key in names}
    path = saved(tmp_path / "best.pth", prefixed("model.", encoder | {"last_layer.0.weight": torch.zeros(1)}))
    assert same(create_encoder(NAME, weights=path), networks[0])


def test_hcmoco_checkpoint_gives_each_modality_its_encoder(
    tmp_path: Path, networks: tuple[nn.Module, nn.Module]
) -> None:
    path = saved(tmp_path / "ckpt_epoch_100.pth", hcmoco_checkpoint(networks))
    assert same(create_encoder(NAME, weights=path, modality="rgb"), networks[0])
    assert same(create_encoder(NAME, weights=path, modality="depth"), networks[1])
    with pytest.raises(DataError, match=r"an encoder for each of depth, rgb; say which"):
        create_encoder(NAME, weights=path)


def test_the_rest_of_an_hcmoco_checkpoint_loads_by_its_prefix(
    tmp_path: Path, networks: tuple[nn.Module, nn.Module]
) -> None:
    path = saved(tmp_path / "current.pth", hcmoco_checkpoint(networks))
    assert load_weights(SemGCN(16, [(0, 1)]), path, prefix="module.encoder3.").complete
    mapper = GlobalMapper((16, 32, 64, 128))
    load_weights(mapper.projection, path, prefix="module.head1.0.")
    assert torch.equal(mapper.projection.bias, torch.load(path)["model"]["module.head1.0.bias"])


def test_features_renamed_by_timm_load_from_the_full_models_names(tmp_path: Path) -> None:
    full = timm.create_model("convnext_atto")
    encoder = create_encoder("convnext_atto", weights=saved(tmp_path / "c.pth", full.state_dict()))
    assert torch.equal(
        encoder.backbone.state_dict()["stages_1.blocks.0.conv_dw.weight"], full.stages[1].blocks[0].conv_dw.weight
    )


def test_files_without_batch_counters_load(tmp_path: Path, networks: tuple[nn.Module, nn.Module]) -> None:
    old = {key: value for key, value in networks[0].state_dict().items() if not key.endswith("num_batches_tracked")}
    assert same(create_encoder(NAME, weights=saved(tmp_path / "old.pth", old)), networks[0])


def test_a_mismatch_lists_names_and_shapes_and_changes_nothing() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    wrong = {"0.weight": torch.zeros(4, 5), "0.bias": torch.zeros(4), "2.bias": torch.zeros(2)}
    with pytest.raises(DataError) as caught:
        load_weights(network, wrong)
    assert caught.value.kind == "weights_mismatch"
    assert "2 missing in the file: 1.weight, 1.bias" in str(caught.value)
    assert "1 not in the network: 2.bias" in str(caught.value)
    assert "0.weight (4, 5) instead of (4, 3)" in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_weights_of_another_width_name_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "w18.pth", create_encoder("hrnet_w18").backbone.state_dict())
    with pytest.raises(DataError, match=r"w18\.pth does not fit.*(\n.*)*of another shape: .* instead of "):
        create_encoder(NAME, weights=path)


def test_not_strict_reports_what_it_left() -> None:
    network = nn.Linear(3, 4)
    report = load_weights(network, {"weight": torch.ones(4, 3), "extra": torch.zeros(1)}, strict=False)
    assert (report.loaded, report.missing, report.unexpected) == (1, ("bias",), ("extra",))
    assert network.weight.detach().eq(1).all()


def test_a_foreign_network_says_which_prefixes_were_tried(tmp_path: Path) -> None:
    path = saved(tmp_path / "bert.pth", {"bert.embeddings.weight": torch.zeros(2)})
    with pytest.raises(DataError, match=r"bert\.pth does not hold this network .*encoder1\..*bert\.embeddings"):
        create_encoder(NAME, weights=path)


class Trap:
    """Runs when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("zipped", [True, False])
def test_objects_are_never_unpickled(tmp_path: Path, zipped: bool) -> None:
    marker = tmp_path / "executed"
    path = saved(tmp_path / "evil.pth", {"model": Trap(marker)}, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="never unpickled") as caught:
        read_checkpoint(path)
    assert caught.value.kind == "weights_foreign"
    assert not marker.exists()


def test_a_plain_pickle_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    (tmp_path / "weights.pkl").write_bytes(pickle.dumps({"model": Trap(marker)}, protocol=2))
    with pytest.raises(DataError):
        read_checkpoint(tmp_path / "weights.pkl")
    assert not marker.exists()


def test_damaged_files_are_refused_with_one_line(tmp_path: Path) -> None:
    good = saved(tmp_path / "good.pth", {"weight": torch.arange(4096.0)}).read_bytes()
    legacy = saved(
        tmp_path / "legacy.pth", {"weight": torch.arange(64.0)}, _use_new_zipfile_serialization=False
    ).read_bytes()
    save_file({"weight": torch.arange(64.0)}, tmp_path / "good.safetensors")
    safe = (tmp_path / "good.safetensors").read_bytes()
    middle = bytearray(good)
    middle[len(middle) // 2] ^= 0xFF
    contents = {
        "empty.pth": b"",
        "text.pth": b"<html>Quota exceeded</html>",
        "noise.pth": np.random.default_rng(0).bytes(5000),
        "cut.pth": good[: len(good) // 2],
        "flipped.pth": bytes(middle),
        "cut_legacy.pth": legacy[: len(legacy) // 2],
        "empty.safetensors": b"",
        "cut.safetensors": safe[:-20],
        "text.safetensors": b"<html>Quota exceeded</html>",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_checkpoint(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.kind in {"weights_unreadable", "weights_foreign"}


def test_any_cut_of_a_legacy_file_is_a_data_error(tmp_path: Path) -> None:
    content = saved(
        tmp_path / "l.pth", {"w": torch.arange(6.0), "n": 1}, _use_new_zipfile_serialization=False
    ).read_bytes()
    for length in range(0, len(content) - 1, 7):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(DataError):
            read_checkpoint(tmp_path / "cut.pth")


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        read_checkpoint(tmp_path / "nowhere.pth")
    with pytest.raises(DataError, match="holds a Tensor, not a state dict"):
        read_checkpoint(saved(tmp_path / "tensor.pth", torch.zeros(2)))
    with zipfile.ZipFile(tmp_path / "archive.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError):
        read_checkpoint(tmp_path / "archive.pth")
    with pytest.raises(DataError, match=r"holds no state dict.*'epoch'"):
        state_dict_in({"epoch": 3, "model": {"weight": "text"}})
    with pytest.raises(DataError, match="it holds nothing"):
        state_dict_in({})


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hub, without network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_imagenet_weights_come_from_timms_repository_on_the_hub(
    hub_cache: Path, networks: tuple[nn.Module, nn.Module]
) -> None:
    repository = hub_cache / f"models--{timm.get_pretrained_cfg(NAME).hf_hub_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    save_file(networks[1].state_dict(), snapshot / "model.safetensors")
    assert same(create_encoder(NAME, weights="imagenet"), networks[1])


@pytest.mark.usefixtures("hub_cache")
def test_imagenet_weights_without_network_say_what_to_do() -> None:
    with pytest.raises(HubError, match=r"hrnet_w18_small cannot be fetched .*give a file with weights"):
        create_encoder(NAME, weights="imagenet")


@pytest.mark.usefixtures("hub_cache")
def test_a_backbone_without_published_weights_says_so() -> None:
    with pytest.raises(DataError, match="timm has no ImageNet weights that fit resnetblur18"):
        create_encoder("resnetblur18", weights="imagenet")


def test_weights_that_are_not_finite_are_refused_and_change_nothing() -> None:
    network = nn.Linear(2, 1)
    before = network.weight.detach().clone()
    for value in (float("nan"), float("inf")):
        state = {"weight": torch.tensor([[1.0, value]]), "bias": torch.zeros(1)}
        with pytest.raises(DataError, match=r"a\.pth: 1 of 2 tensors hold .* not finite \(weight\)") as found:
            load_weights(network, state, file="a.pth")
        assert found.value.kind == "weights_not_finite"
        assert torch.equal(network.weight, before)


def in_parts(
    folder: Path, state: dict[str, Tensor], save: Callable[..., None] = save_file, ending: str = "safetensors"
) -> Path:
    """The state in two files; returns their index."""
    folder.mkdir()
    names = list(state)
    place = {name: f"model-0000{1 + (number >= 300)}-of-00002.{ending}" for number, name in enumerate(names)}
    for file in set(place.values()):
        save({name: state[name].contiguous() for name in names if place[name] == file}, folder / file)
    index = folder / f"model.{ending}.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": place}), "utf-8")
    return index


def test_weights_as_people_have_them(tmp_path: Path, networks: tuple[nn.Module, nn.Module]) -> None:
    state = networks[0].state_dict()
    index = in_parts(tmp_path / "parts", state)
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "renamed.pth")
    (tmp_path / "alone").mkdir()
    torch.save(state, tmp_path / "alone" / "weights.pt")
    of_torch = in_parts(tmp_path / "torch", state, save=torch.save, ending="bin")
    files = [
        index,
        index.parent,
        of_torch,
        of_torch.parent,
        tmp_path / "renamed.pth",
        saved(tmp_path / "renamed.safetensors", state),
        tmp_path / "alone",
        saved(tmp_path / "a.pth", {"model_state_dict": state, "epoch": 3}),
        saved(tmp_path / "b.pth", {**state, "epoch": 3, "note": "best", "loss": 0.5, "lr": None}),
        saved(tmp_path / "c.pth", {**state, "epoch": np.int64(3), "score": np.float32(0.5), "classes": ["a", "b"]}),
        saved(tmp_path / "d.pth", {"weights": state, "epoch": 3, "optimizer": {"state": {}, "param_groups": []}}),
        saved(tmp_path / "e.pth", {"model": {"backbone": state}, "config": {"lr": 0.1}}),
    ]
    for file in files:
        found = state_dict_in(read_checkpoint(file), file=str(file))
        assert found.keys() == state.keys(), file
        assert all(torch.equal(found[name], value) for name, value in state.items()), file


def test_what_is_wrong_with_divided_weights_is_said(tmp_path: Path, networks: tuple[nn.Module, nn.Module]) -> None:
    index = in_parts(tmp_path / "parts", networks[0].state_dict())
    first = index.parent / "model-00001-of-00002.safetensors"
    first.rename(first.with_suffix(".gone"))
    with pytest.raises(DataError, match=r"model-00001-of-00002\.safetensors, which it names, is not beside it"):
        read_checkpoint(index)
    for content, said in (
        ({"weight_map": {"a": "../model.safetensors"}}, "not a file beside it"),
        ({"weight_map": {"a": "model-00002-of-00002.safetensors"}}, "1 tensors are not in the files"),
        ({"weights": {}}, "no table `weight_map`"),
    ):
        index.write_text(json.dumps(content), "utf-8")
        with pytest.raises(DataError, match=said):
            read_checkpoint(index)


def test_a_folder_without_one_file_of_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder without a file of weights"):
        read_checkpoint(tmp_path)
    for name in ("a.pth", "b.pth"):
        saved(tmp_path / name, {"weight": torch.zeros(1)})
    with pytest.raises(DataError, match=r"several files of weights \(a\.pth, b\.pth\); give one"):
        read_checkpoint(tmp_path)


def test_the_object_in_the_way_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.pth", {"state_dict": {"weight": torch.zeros(1)}, "path": nn.Linear(1, 1)})
    with pytest.raises(DataError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(file)
    with pytest.raises(DataError, match=r"it holds 'config' \(dict\), 'epoch' \(int\)"):
        state_dict_in({"config": {"lr": 1}, "epoch": 3})


def test_of_several_state_dicts_none_is_chosen(tmp_path: Path) -> None:
    content = {"student": {"weight": torch.zeros(1)}, "teacher": {"weight": torch.ones(1)}, "epoch": 3}
    with pytest.raises(DataError, match=r"a\.pth holds several state dicts \('student', 'teacher'\)"):
        state_dict_in(read_checkpoint(saved(tmp_path / "a.pth", content)), file="a.pth")


def in_numpy_archive(path: Path) -> None:
    with path.open("wb") as handle:
        np.savez(handle, weight=np.zeros(3))


def in_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/model.pth", b"0")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (
            lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
            "a pointer of Git LFS.* git lfs pull",
        ),
        (lambda path: path.write_text("\n<!DOCTYPE html><html>Virus scan warning</html>"), "an HTML page"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "an HDF5 file"),
        (lambda path: path.write_bytes(gzip.compress(b"weights")), "compressed with gzip; unpack it first"),
        (in_numpy_archive, "an archive of NumPy arrays"),
        (in_zip, r"a zip archive of other files \(weights/model\.pth\); unpack it first"),
        (lambda path: torch.jit.script(nn.Linear(1, 1)).save(str(path)), r"a TorchScript program; .* state_dict\(\)"),
    ],
    ids=["git lfs", "html", "hdf5", "gzip", "npz", "zip", "torchscript"],
)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_files_of_another_kind_are_named(write: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    write(path)
    with pytest.raises(DataError, match=rf"a\.pth cannot be read: it is {said}") as found:
        open_checkpoint(path)
    assert found.value.kind == "weights_foreign"


def test_safetensors_that_are_cut_short_are_damaged(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(99)}, tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged") as found:
        read_checkpoint(tmp_path / "a.pth")
    assert found.value.kind == "weights_unreadable"
