from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses import sparse_inter_loss, sparse_intra_loss
from hcmoco_bench.losses.joint_features import joint_features

B, J, C = 3, 5, 6


def maps(n: int = B) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(n, C, 10, 10, generator=generator).requires_grad_() for name in ("rgb", "depth")}


def joints(n: int = B) -> Tensor:
    return 40 * torch.rand(n, J, 2, generator=torch.Generator().manual_seed(1))


def keypoints(n: int = B) -> Tensor:
    return torch.randn(n, J, C, generator=torch.Generator().manual_seed(2)).requires_grad_()


def visible(n: int = B) -> Tensor:
    return torch.ones(n, J, dtype=torch.bool)


def here(n: int = B, *, no_depth: tuple[int, ...] = ()) -> dict[str, Tensor]:
    present = {name: torch.ones(n, dtype=torch.bool) for name in ("rgb", "depth")}
    present["depth"][list(no_depth)] = False
    return present


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


class TestJointFeatures:
    def test_a_joint_takes_the_cell_that_holds_it(self) -> None:
        grid = torch.arange(1.0, 13.0).view(1, 1, 3, 4)
        grid = torch.cat([torch.ones_like(grid), grid], 1)
        found = joint_features(grid, torch.tensor([[[0.0, 0.0], [7.9, 4.0], [15.9, 11.9]]]), stride=4)
        torch.testing.assert_close(found[0, :, 1] / found[0, :, 0], torch.tensor([1.0, 6.0, 12.0]))

    def test_joints_outside_fall_on_the_border_and_nan_on_the_first_cell(self) -> None:
        grid = torch.cat([torch.ones(1, 1, 3, 4), torch.arange(1.0, 13.0).view(1, 1, 3, 4)], 1)
        places = torch.tensor([[[-3.0, 5.0], [99.0, 99.0], [1e30, -1e30], [math.nan, 8.0], [math.inf, 8.0]]])
        found = joint_features(grid, places, stride=4)
        torch.testing.assert_close(found[0, :, 1] / found[0, :, 0], torch.tensor([5.0, 12.0, 4.0, 9.0, 9.0]))


class TestIntra:
    def test_equals_eq_6_written_out(self) -> None:
        seen = visible()
        seen[0, 2] = seen[2, 0] = seen[2, 4] = False
        present = here(no_depth=(1,))
        terms = sparse_intra_loss(maps(), keypoints(), joints(), seen, present)
        assert set(terms) == {"rgb->keypoints", "depth->keypoints"}
        targets = functional.normalize(keypoints().detach(), dim=2).double().tolist()
        for name, features in maps().items():
            losses, hits = [], []
            for b in range(B):
                for j in range(J):
                    if not (seen[b, j] and present[name][b]):
                        continue
                    x, y = (joints()[b, j] / 4).int().tolist()
                    anchor = functional.normalize(features[b, :, y, x].detach().double(), dim=0).tolist()
                    logits = [dot(anchor, target) / 0.07 for target in targets[b]]
                    losses.append(math.log(sum(map(math.exp, logits))) - logits[j])
                    hits.append(logits[j] == max(logits))
            term = terms[f"{name}->keypoints"]
            assert float(term.value) == pytest.approx(sum(losses) / len(losses), rel=1e-5)
            assert float(term.accuracy) == pytest.approx(sum(hits) / len(hits))
            assert int(term.count) == len(losses)

    def test_missing_maps_and_invisible_joints_get_no_gradient(self) -> None:
        features, targets = maps(), keypoints()
        seen = visible()
        seen[2] = False
        terms = sparse_intra_loss(features, targets, joints(), seen, here(no_depth=(0,)))
        sum(term.value for term in terms.values()).backward()
        touched = {name: one.grad.abs().sum((1, 2, 3)).gt(0).tolist() for name, one in features.items()}
        assert touched == {"rgb": [True, True, False], "depth": [False, True, False]}
        assert targets.grad[2].eq(0).all()

    def test_learns_nothing_from_nobody(self) -> None:
        features, targets = maps(), keypoints()
        terms = sparse_intra_loss(features, targets, joints(), ~visible(), here())
        sum(term.value for term in terms.values()).backward()
        for tensor in (*features.values(), targets):
            assert tensor.grad.eq(0).all()
        assert all(term.accuracy.isnan() for term in terms.values())


class TestInter:
    def written_out(self, seen: Tensor, present: dict[str, Tensor]) -> tuple[float, float, int]:
        rows = []
        for name, features in maps().items():
            for b in range(B):
                for j in range(J):
                    if seen[b, j] and present[name][b]:
                        x, y = (joints()[b, j] / 4).int().tolist()
                        rows.append((j, functional.normalize(features[b, :, y, x].detach().double(), dim=0).tolist()))
        losses, hits = [], []
        for i, (joint, anchor) in enumerate(rows):
            logits = [dot(anchor, other) / 0.07 for _, other in rows]
            positives = [k for k, (other, _) in enumerate(rows) if other == joint and k != i]
            if positives:
                normalizer = math.log(sum(map(math.exp, logits)))
                losses.append(normalizer - sum(logits[k] for k in positives) / len(positives))
                nearest = max((k for k in range(len(rows)) if k != i), key=logits.__getitem__)
                hits.append(nearest in positives)
        return sum(losses) / len(losses), sum(hits) / len(hits), len(losses)

    def test_equals_eq_6_written_out(self) -> None:
        seen = visible()
        seen[0, 2] = seen[1, :3] = False
        seen[:2, 4] = False
        present = here(no_depth=(2,))  # joint 4 is left with one map: an anchor without positive
        value, accuracy, count = self.written_out(seen, present)
        term = sparse_inter_loss(maps(), joints(), seen, present)
        assert float(term.value) == pytest.approx(value, rel=1e-5)
        assert float(term.accuracy) == pytest.approx(accuracy)
        assert int(term.count) == count < int(seen.sum()) * 2

    @pytest.mark.parametrize("no_depth", [(), (1,), (0, 1, 2)])
    @pytest.mark.parametrize("count_absent", [True, False])
    def test_visibility_makes_no_difference_where_all_is_visible(
        self, no_depth: tuple[int, ...], count_absent: bool
    ) -> None:
        values = []
        for ignore in (True, False):
            features = maps()
            term = sparse_inter_loss(
                features,
                joints(),
                visible(),
                here(no_depth=no_depth),
                ignore_visibility=ignore,
                count_absent=count_absent,
            )
            term.value.backward()
            values.append((term.value, *(one.grad for one in features.values())))
        for found, expected in zip(*values, strict=True):
            assert found.equal(expected)

    def test_absence_makes_no_difference_where_all_is_present(self) -> None:
        seen = visible()
        seen[0, 2] = seen[1, :3] = False
        terms = [sparse_inter_loss(maps(), joints(), seen, here(), count_absent=count) for count in (True, False)]
        assert terms[0].value.equal(terms[1].value)

    @pytest.mark.parametrize("count_absent", [True, False])
    def test_samples_compared_at_a_time_are_batches_of_their_own(self, count_absent: bool) -> None:
        seen = visible()
        seen[0, 2] = seen[1, :3] = False
        present = here(no_depth=(2,))
        options = {"ignore_visibility": count_absent, "count_absent": count_absent}
        whole = sparse_inter_loss(maps(), joints(), seen, present, at_a_time=2, **options)
        total = count = rows = 0.0
        for part in (slice(0, 2), slice(2, B)):
            term = sparse_inter_loss(
                {name: one[part] for name, one in maps().items()},
                joints()[part],
                seen[part],
                {name: one[part] for name, one in present.items()},
                **options,
            )
            over = len(joints()[part]) * J * 2 if count_absent else float(term.count)
            total, count, rows = total + float(term.value) * over, count + float(term.count), rows + over
        assert float(whole.value) == pytest.approx(total / rows, rel=1e-5)
        assert float(whole.count) == count
        alone = sparse_inter_loss(maps(), joints(), seen, present, **options)
        assert float(whole.value) != pytest.approx(float(alone.value), rel=1e-3)
        assert sparse_inter_loss(maps(), joints(), seen, present, at_a_time=B, **options).value.equal(alone.value)

    def test_invisible_joints_pull_only_as_published(self) -> None:
        seen = visible()
        seen[0] = False
        for ignore in (True, False):
            features = maps()
            sparse_inter_loss(features, joints(), seen, here(), ignore_visibility=ignore).value.backward()
            assert features["rgb"].grad[0].ne(0).any() == ignore

    @pytest.mark.parametrize("why", ["nothing visible", "nothing present", "one map", "no sample"])
    def test_nothing_to_learn(self, why: str) -> None:
        n = {"one map": 1, "no sample": 0}.get(why, B)
        features = maps(n)
        present = here(n, no_depth=tuple(range(n)))
        if why == "nothing present":
            present["rgb"][:] = False
        seen = ~visible(n) if why == "nothing visible" else visible(n)
        term = sparse_inter_loss(features, joints(n), seen, present)
        term.value.backward()
        assert float(term.value) == 0
        assert term.accuracy.isnan()
        for one in features.values():
            assert one.grad.eq(0).all()

    def test_one_sample_learns_between_its_maps(self) -> None:
        features = maps(1)
        term = sparse_inter_loss(features, joints(1), visible(1), here(1))
        term.value.backward()
        assert int(term.count) == 2 * J
        assert features["rgb"].grad.ne(0).any()

    def test_no_depth_anywhere_leaves_the_depth_encoder_alone(self) -> None:
        features = maps()
        sparse_inter_loss(features, joints(), visible(), here(no_depth=(0, 1, 2))).value.backward()
        assert features["depth"].grad.eq(0).all()
        assert features["rgb"].grad.ne(0).any()

    def test_the_order_of_the_batch_does_not_matter(self) -> None:
        order = torch.tensor([2, 0, 1])
        shuffled = {name: one[order] for name, one in maps().items()}
        term = sparse_inter_loss(maps(), joints(), visible(), here(no_depth=(1,)))
        other = sparse_inter_loss(shuffled, joints()[order], visible(), here(no_depth=(2,)))
        torch.testing.assert_close(term.value, other.value)


def test_half_precision() -> None:
    features = {name: one.detach().bfloat16() for name, one in maps().items()}
    full = {name: one.float() for name, one in features.items()}
    with torch.autocast("cpu", torch.bfloat16):
        inter = sparse_inter_loss(features, joints(), visible(), here())
        intra = sparse_intra_loss(features, keypoints(), joints(), visible(), here())
    torch.testing.assert_close(inter.value, sparse_inter_loss(full, joints(), visible(), here()).value)
    expected = sparse_intra_loss(full, keypoints(), joints(), visible(), here())
    torch.testing.assert_close(intra["rgb->keypoints"].value, expected["rgb->keypoints"].value)
