"""Open a prior by name or path."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError, MissingExtraError, StoreError, UsageError
from hcmoco_bench.priors.prior_file import SUFFIX, is_prior_file, prior_missing, read_prior, write_prior
from hcmoco_bench.priors.release_file import read_release
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.runtime.home import HOME
from hcmoco_bench.runtime.progress import Progress, no_progress

GENERATED: Final = "generated"
"""Name of the prior that is drawn from the generator's bodies."""

REVISION: Final = 1
"""Of the skeletons that `generated` stands for; goes up with every change of them, since home folders keep them."""


def open_prior(name: str, *, home: Path = HOME, progress: Progress = no_progress) -> SkeletonPrior:
    """Open the prior of a name.

    Args:
        name: `generated`, the prior of `generate_prior` with its default options; or the path of a file that
            `write_prior` wrote or of LiftedCL's published `norm_joints.pt`.
        home: Folder in which `generated` is kept, so that it is drawn once; where that cannot be written, it is drawn
            in every process.
        progress: Told how many skeletons are drawn.

    Raises:
        UsageError: For an empty name.
        MissingExtraError: If `generated` has to be drawn and the extra `synth` is not installed.
        DataError: If a file is missing, damaged, foreign or holds what no person can be; see `read_prior`.
    """
    if not name:
        raise UsageError(f"a prior needs a name; give `{GENERATED}` or the path of a prior file")
    if name == GENERATED:
        return _kept(home, progress)
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the path of a prior file, or `{GENERATED}`")
    if not path.exists():
        raise prior_missing(path)
    return read_prior(path) if is_prior_file(path) else read_release(path)


def generated_file(home: Path) -> Path:
    """Where a home folder keeps the prior `generated`; one of another revision has another name."""
    return home / "priors" / f"{GENERATED}-{REVISION}{SUFFIX}"


def _kept(home: Path, progress: Progress) -> SkeletonPrior:
    path = generated_file(home)
    if path.is_file():
        # What cannot be read is drawn again and replaced.
        with suppress(DataError):
            return read_prior(path)
    prior = _drawn_once(progress)
    with suppress(OSError, StoreError):
        write_prior(path, prior)
    return prior


_memory: Final[list[SkeletonPrior]] = []
"""The prior `generated`, once this process has drawn it."""


def _drawn_once(progress: Progress) -> SkeletonPrior:
    if not _memory:
        try:
            # Importing the generator needs its extra; prior files need it not.
            from hcmoco_bench.priors.generated import generate_prior

            _memory.append(generate_prior(progress=progress))
        except MissingExtraError as error:
            raise MissingExtraError(
                f"the prior `{GENERATED}` is not drawn: {error}; or give a prior file instead, made of an NTU store or "
                "of Human3.6M with `hcmoco-bench prior make`, or LiftedCL's norm_joints.pt"
            ) from error
    return _memory[0]
