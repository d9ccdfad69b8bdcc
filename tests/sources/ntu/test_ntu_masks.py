from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.sources.ntu import Asset, MaskFolder, SampleId, read_mask

ID = SampleId.parse("S001C001P001R001A001F060")
OTHER = SampleId.parse("S001C001P001R001A001F061")


def classes() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 25, (424, 512)).astype(np.uint8)


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png", **options)
    return buffer.getvalue()


def paletted(raw: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(raw, "L").convert("P")
    image.putdata(raw.ravel().tolist())
    palette = np.random.default_rng(1).integers(0, 256, 768)
    image.putpalette(palette.tolist())
    return image


def put(folder: Path, data: bytes, name: str = f"{ID}.png") -> Asset:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return Asset(folder / name)


def refusal(asset: Asset) -> str:
    with pytest.raises(DataError) as caught:
        read_mask(asset)
    assert caught.value.file == str(asset)
    assert str(asset) in str(caught.value)
    return caught.value.kind


def test_palette_indices_are_raw_ids_whatever_the_colors(tmp_path: Path) -> None:
    expected = classes()
    raw = part_table().encode(expected)
    for image in (paletted(raw), Image.fromarray(raw, "L")):
        found = read_mask(put(tmp_path, png(image)))
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.uint8


def test_few_ids_in_a_palette_of_fewer_bits(tmp_path: Path) -> None:
    raw = np.zeros((424, 512), np.uint8)
    raw[10:20] = 6
    data = png(paletted(raw), bits=4)
    assert data[24] == 4
    assert np.unique(read_mask(put(tmp_path, data))).tolist() == [0, 4]


def test_unknown_ids_name_file_id_and_pixels(tmp_path: Path) -> None:
    raw = np.zeros((424, 512), np.uint8)
    raw[:2, :5] = 4
    raw[9, 9] = 200
    asset = put(tmp_path / "with space ä", png(paletted(raw)))
    with pytest.raises(LabelError, match=r"id 4 \(10 px\), id 200 \(1 px\)") as caught:
        read_mask(asset)
    assert (caught.value.kind, caught.value.file) == ("mask_unknown_id", str(asset))


def test_colors_instead_of_ids(tmp_path: Path) -> None:
    raw = part_table().encode(classes())
    for image in (
        paletted(raw).convert("RGB"),
        paletted(raw).convert("RGBA"),
        Image.fromarray(raw, "L").convert("LA"),
        Image.fromarray(raw.astype(np.uint16)),
        Image.fromarray(raw, "L").convert("1"),
    ):
        asset = put(tmp_path, png(image))
        assert refusal(asset) == "mask_unreadable"
        with pytest.raises(DataError, match="label ids"):
            read_mask(asset)


def test_another_size(tmp_path: Path) -> None:
    for shape in ((512, 424), (1080, 1920), (1, 1)):
        assert refusal(put(tmp_path, png(Image.fromarray(np.zeros(shape, np.uint8), "L")))) == "mask_wrong_size"


@pytest.mark.parametrize("end", [0, 8, 40, 500, -13, -1])
def test_cut_off_anywhere(tmp_path: Path, end: int) -> None:
    assert refusal(put(tmp_path, png(paletted(part_table().encode(classes())))[:end])) == "mask_unreadable"


def test_text_and_images_of_other_formats(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (512, 424)).save(buffer, "bmp")
    assert {refusal(put(tmp_path, data)) for data in (b"text" * 50, buffer.getvalue())} == {"mask_unreadable"}


@pytest.mark.parametrize(
    "place", ["", "png_annotation_v2", "NTURGBD-Parsing-4K/png_annotation_v2", "ä b/c/png_annotation_v2"]
)
def test_folders_and_archives_at_any_level(tmp_path: Path, place: str) -> None:
    top = tmp_path / "masks"
    put(top / place, b"mask")
    put(top / place, b"no mask", "readme.txt")
    put(top / "images", b"image", f"{ID}.jpg")
    put(top / "depth", b"depth", f"MDepth-{ID}.png")
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for file in sorted(top.rglob("*.*")):
            archive.write(file, file.relative_to(tmp_path))
        archive.writestr(f"__MACOSX/png_annotation_v2/{OTHER}.png", b"junk")
    for path in (top, tmp_path / "masks.zip"):
        folder = MaskFolder.open(path)
        found = folder.find(ID)
        assert found is not None
        assert found.read_bytes() == b"mask"
        assert folder.find(OTHER) is None


def test_the_published_name_wins_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for sample in (ID, OTHER):
            archive.writestr(f"a/predictions/{sample}.png", b"predicted")
        archive.writestr(f"a/png_annotation_v2/{ID}.png", b"published")
    folder = MaskFolder.open(tmp_path / "x.zip")
    assert folder.find(OTHER) is None
    assert folder.find(ID) == Asset(tmp_path / "x.zip", f"a/png_annotation_v2/{ID}.png")


def test_nowhere(tmp_path: Path) -> None:
    (tmp_path / "png_annotation_v2").mkdir()
    put(tmp_path / "1" / "2" / "3" / "4" / "png_annotation_v2", b"too deep")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", b"")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    kinds = {}
    for name in ("", "missing", "x.zip", "broken.zip"):
        with pytest.raises(DataError, match=str(tmp_path)) as caught:
            MaskFolder.open(tmp_path / name)
        kinds[name] = caught.value.kind
    assert kinds == dict.fromkeys(("", "missing", "x.zip"), "masks_missing") | {"broken.zip": "zip_unreadable"}


def test_link_loops_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    put(tmp_path / "a" / "b" / "png_annotation_v2", b"mask")
    assert MaskFolder.open(tmp_path).find(ID) == Asset(tmp_path / "a" / "b" / "png_annotation_v2" / f"{ID}.png")


def test_masks_that_a_broken_extraction_lacks_are_found_in_the_next_folder(tmp_path: Path) -> None:
    whole = tmp_path / "b" / "png_annotation_v2"
    broken = tmp_path / "a" / "png_annotation_v2"
    for folder in (whole, broken):
        folder.mkdir(parents=True)
    for sample in (ID, OTHER):
        (whole / f"{sample}.png").write_bytes(b"whole")
    (broken / f"{ID}.png").write_bytes(b"first")
    assert MaskFolder.open(tmp_path).find(ID).read_bytes() == b"first"
    assert MaskFolder.open(tmp_path).find(OTHER).read_bytes() == b"whole"
    (broken / f"{ID}.png").write_bytes(b"")
    assert MaskFolder.open(tmp_path).find(ID).read_bytes() == b"whole"
    assert MaskFolder.open(broken).find(OTHER) is None


def test_masks_whose_names_lead_out_of_the_archive_come_last(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"../png_annotation_v2/{ID}.png", b"outside")
        archive.writestr(f"/a/png_annotation_v2/{ID}.png", b"outside")
        archive.writestr(f"../png_annotation_v2/{OTHER}.png", b"outside")
        archive.writestr(f"z/png_annotation_v2/{ID}.png", b"proper")
    masks = MaskFolder.open(tmp_path / "x.zip")
    assert masks.find(ID).read_bytes() == b"proper"
    assert masks.find(OTHER).read_bytes() == b"outside"
