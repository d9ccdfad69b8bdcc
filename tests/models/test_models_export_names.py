"""Names of other programs: there and back, and what each program does on loading."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.export_names import SCHEMES, from_published, naming_scheme, to_published

NAME = "hrnet_w18_small"


@pytest.mark.parametrize("name", SCHEMES)
def test_there_and_back_through_a_file(tmp_path: Path, name: str) -> None:
    state = create_encoder(NAME).backbone.state_dict()
    scheme = naming_scheme(name)
    content = to_published(state, scheme)
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=scheme.zip_format)
    back = from_published(torch.load(tmp_path / "x.pth", weights_only=True), scheme)
    assert list(back) == list(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    assert all(
        torch.equal(value, state[key])
        for key, value in create_encoder(NAME, weights=tmp_path / "x.pth").backbone.state_dict().items()
    )


def test_timm_loads_its_format_as_its_documentation_says() -> None:
    state = to_published(create_encoder(NAME).backbone.state_dict(), naming_scheme("timm"))
    timm.create_model(NAME, features_only=True, feature_location="").load_state_dict(state, strict=True)


@pytest.mark.parametrize("name", ["hrnet-semantic-segmentation", "a2j"])
def test_programs_that_filter_by_name_find_every_tensor(name: str) -> None:
    # both drop, without a word, each key that their model lacks
    content = to_published(create_encoder(NAME).backbone.state_dict(), naming_scheme(name))
    published = timm.create_model(NAME).state_dict()
    assert all(published[key].shape == value.shape for key, value in content.items())


def test_detectron2_finds_the_bottom_up_network_of_hrfpn() -> None:
    content = to_published(create_encoder(NAME).backbone.state_dict(), naming_scheme("detectron2"))
    assert list(content) == ["model"]
    assert all(key.startswith("backbone.bottom_up.") for key in content["model"])
    # its loader puts the prefix on by itself where a file has 1,956 keys; ours must not be mistaken for one
    assert len(content["model"]) != 1956


def test_heads_of_the_other_program_are_left_out() -> None:
    scheme = naming_scheme("detectron2")
    content = {"model": {"backbone.bottom_up.conv1.weight": torch.ones(1), "roi_heads.x": torch.zeros(1)}}
    assert list(from_published(content, scheme)) == ["conv1.weight"]


def test_unknown_formats_and_files_without_the_encoder_are_refused() -> None:
    with pytest.raises(UsageError, match=r"detectron3.*hrnet-semantic-segmentation, detectron2, a2j, timm"):
        naming_scheme("detectron3")
    with pytest.raises(DataError, match="keeps its weights under 'model'"):
        from_published({"conv1.weight": torch.zeros(1)}, naming_scheme("detectron2"))
    with pytest.raises(DataError, match=r"no key starts with 'backbone\.bottom_up\.'"):
        from_published({"model": {"conv1.weight": torch.zeros(1)}}, naming_scheme("detectron2"))
