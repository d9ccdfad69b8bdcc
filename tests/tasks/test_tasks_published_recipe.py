"""`--config published` of the tasks."""

from __future__ import annotations

import pytest

from hcmoco_bench.runtime.recipes import PUBLISHED
from hcmoco_bench.runtime.settings import published_values
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task, task_names


@pytest.mark.parametrize("task", task_names())
def test_recipe_sets_every_difference_and_nothing_else(task: str) -> None:
    before = make_finetune_settings(task, {}).model_dump()
    after = make_finetune_settings(task, {}, recipe=PUBLISHED).model_dump()
    assert {name: value for name, value in after.items() if value != before[name]} == published_values(
        get_task(task).settings
    )


def test_single_settings_win_over_the_recipe() -> None:
    settings = make_finetune_settings("itop_pose", {"schedule": "step", "epochs": 4}, recipe=PUBLISHED)
    assert (settings.schedule, settings.epochs, settings.init) == ("step", 4, "scratch")
