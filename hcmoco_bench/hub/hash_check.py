"""Holds rebuilt rows against published hashes, in the workers that rebuild them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.hub.hashes import DIFFERENCE_TOLERANCE, SampleHashes, difference, hash_row
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.columns import Row


@dataclass(frozen=True)
class HashChecks:
    """The hashes of all samples; a shard gets those of its own.

    Attributes:
        expected: Published hashes by sample.
        parts: Whether rows have part masks to compare.
        version: Version of hcmoco-bench that published them, named in problems.
    """

    expected: Mapping[SampleId, SampleHashes]
    parts: bool
    version: str

    def __call__(self, samples: Sequence[SampleId]) -> HashCheck:
        """The check for these samples."""
        return HashCheck(
            {sample: self.expected[sample] for sample in samples if sample in self.expected}, self.parts, self.version
        )


@dataclass(frozen=True)
class HashCheck:
    """A `RowCheck` by hashes. Attributes as in `HashChecks`."""

    expected: Mapping[SampleId, SampleHashes]
    parts: bool
    version: str

    def __call__(self, sample: SampleId, row: Row) -> Problem | None:
        """The problem of a row that is not what was published; None if it is."""
        if sample not in self.expected:
            return _problem(
                sample, "not_published", "the publication holds no annotation of it, so it cannot be checked"
            )
        expected, found = self.expected[sample], hash_row(row)
        if found.depth_sha256 != expected.depth_sha256:
            return _problem(
                sample, "depth_differs", "its depth is not what was published; see that the raw depth is complete"
            )
        if found.bodies_sha256 != expected.bodies_sha256:
            return _problem(
                sample,
                "bodies_differ",
                "its skeletons are not what was published; fetch the file again, or use hcmoco-bench "
                f"{self.version}, which published them",
            )
        if self.parts and found.parts_sha256 != expected.parts_sha256:
            return _problem(sample, "parts_differ", "its part mask is not what was published; use the authors' masks")
        if found.rgb_sha256 == expected.rgb_sha256:
            return None
        bits = difference(found.rgb_difference_hash, expected.rgb_difference_hash)
        if bits > DIFFERENCE_TOLERANCE:
            return _problem(
                sample,
                "rgb_differs",
                f"its color image is not what was published ({bits} of 256 bits of the difference hash); see that the "
                "video is NTU's own file",
            )
        return _problem(
            sample,
            "rgb_reencoded",
            f"its color image agrees in sight, not in bytes ({bits} of 256 bits of the difference hash differ): other "
            "versions of FFmpeg or OpenCV than the publisher's",
            kept=True,
        )


def _problem(sample: SampleId, kind: str, reason: str, *, kept: bool = False) -> Problem:
    return Problem(str(sample), kind, "", f"{sample}: {reason}", kept)
