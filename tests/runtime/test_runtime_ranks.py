"""Sums, rows and places over two real processes, one of which may have nothing, and of a process alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from forked import run_ranks
from torch import Tensor

from hcmoco_bench.runtime import ranks
from hcmoco_bench.runtime.shared_draws import own_part, with_others_skipped

ROWS = (3, 0)
"""Rows of each rank."""


def rows_of(rank: int) -> Tensor:
    return torch.arange(float(ROWS[rank] * 2)).view(-1, 2) + 10 * rank + 1


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def what_a_rank_finds(rank: int) -> dict[str, Any]:
    values = torch.tensor([1.0, 2.0]) * (rank + 1)
    values.requires_grad_()
    # The ranks use the sum differently: the gradient of each is the sum of both uses.
    (ranks.sum_over_ranks_with_gradient(values) * torch.tensor([1.0, 10.0]) * (rank + 1)).sum().backward()
    rows = rows_of(rank).requires_grad_()
    gathered = ranks.gather_rows_with_gradient(rows)
    (gathered * (rank + 1)).sum().backward()
    generator = seeded()
    drawn = with_others_skipped(lambda: torch.rand(2, 3, generator=generator), 2, 3, generator)
    return {
        "rank": ranks.rank(),
        "world_size": ranks.world_size(),
        "sum": ranks.sum_over_ranks(values),
        "gradient": values.grad,
        "share": list(ranks.own_share(5)),
        "around": ranks.rows_around(4),
        "objects": ranks.gather_objects(f"rank {rank}"),
        "rows": ranks.gather_rows(rows),
        "bools": ranks.gather_rows(rows[:, 0] > 2),
        "row_gradient": rows.grad,
        "first": ranks.first_own_row(len(rows), rows.device),
        "own": own_part(lambda n: torch.rand(n, 3, generator=seeded()), 2),
        "skipped": drawn,
        "state": generator.get_state(),
    }


def one_process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = what_a_rank_finds(rank)
    ranks.leave_group()
    torch.save(found | {"after": (ranks.rank(), ranks.world_size())}, f"{folder}/{rank}.pt")


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes finds."""
    folder: Path = tmp_path_factory.mktemp("two")
    run_ranks(one_process, str(folder), ranks=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_places(of_two: list[dict[str, Any]]) -> None:
    assert [found["rank"] for found in of_two] == [0, 1]
    assert [found["world_size"] for found in of_two] == [2, 2]
    assert [found["share"] for found in of_two] == [[0, 2, 4], [1, 3]]
    assert [found["around"] for found in of_two] == [(0, 4), (4, 0)]
    assert [found["first"] for found in of_two] == [0, 3]
    assert [found["after"] for found in of_two] == [(0, 1), (0, 1)]


def test_sums_and_their_gradients(of_two: list[dict[str, Any]]) -> None:
    for found in of_two:
        assert found["sum"].tolist() == [3.0, 6.0]
        assert not found["sum"].requires_grad
        assert found["gradient"].tolist() == [1.0 + 2.0, 10.0 + 20.0]


def test_rows_and_their_gradients(of_two: list[dict[str, Any]]) -> None:
    whole = torch.cat([rows_of(0), rows_of(1)])
    for rank, found in enumerate(of_two):
        assert torch.equal(found["rows"], whole)
        assert torch.equal(found["bools"], whole[:, 0] > 2)
        assert torch.equal(found["row_gradient"], torch.full((ROWS[rank], 2), 1.0 + 2.0))
        assert found["objects"] == ["rank 0", "rank 1"]


def test_draws_are_parts_of_one_large_draw(of_two: list[dict[str, Any]]) -> None:
    whole_generator = seeded()
    whole = torch.rand(4, 3, generator=whole_generator)
    for name in ("own", "skipped"):
        assert torch.equal(torch.cat([found[name] for found in of_two]), whole)
    for found in of_two:
        assert torch.equal(found["state"], whole_generator.get_state())


def test_alone_everything_is_its_own() -> None:
    found = what_a_rank_finds(0)
    assert (found["rank"], found["world_size"], found["around"], found["first"]) == (0, 1, (0, 0), 0)
    assert found["share"] == [0, 1, 2, 3, 4]
    assert found["objects"] == ["rank 0"]
    assert found["sum"].tolist() == [1.0, 2.0]
    assert found["gradient"].tolist() == [1.0, 10.0]
    assert torch.equal(found["rows"], rows_of(0))
    assert torch.equal(found["row_gradient"], torch.ones(3, 2))
    assert torch.equal(found["own"], torch.rand(2, 3, generator=seeded()))
    ranks.leave_group()  # leaves nothing, and does not complain
