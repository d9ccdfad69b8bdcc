"""Check a row of a store of annotated photographs: the image, and every person in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import whole_image_size
from hcmoco_bench.store.kinds.keypoints.columns import image_id
from hcmoco_bench.store.kinds.keypoints.manifest import KeypointManifest
from hcmoco_bench.store.kinds.keypoints.people_check import ignored_failures, person_failures


def keypoint_row_failures(row: Mapping[str, Any], manifest: KeypointManifest) -> Iterator[str]:
    """What is wrong with a row, a sentence each."""
    image = row["image"]
    if image is None or image["bytes"] is None or image["path"] is None:
        yield "the image is missing"
    else:
        if image_id(image["path"]) != row["image_id"]:
            yield f"the image is called {image['path']}"
        stated = (row["width"], row["height"])
        try:
            size = whole_image_size(image["bytes"])
        except ImageError as error:
            yield f"the image is not a whole one: {error}"
        else:
            if size != stated:
                yield f"the image has {size[0]}x{size[1]} px, stated are {stated[0]}x{stated[1]}"
    n_joints = len(joint_set(manifest.joints))
    if manifest.schema_version == 1 and not row["people"]:
        yield "has nobody"
    for person in row["people"] or ():
        reasons = person_failures(person, n_joints, row["width"], row["height"])
        yield from (f"person {person['person_id']}: {reason}" for reason in reasons)
    for person in row.get("ignored") or ():
        reasons = ignored_failures(person, n_joints)
        yield from (f"ignored person {person['person_id']}: {reason}" for reason in reasons)
