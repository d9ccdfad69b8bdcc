"""The category of people in COCO's results, as COCO and as detectron2 count."""

from __future__ import annotations

from typing import Any, Final

from hcmoco_bench.files.whole_numbers import whole_number

PERSON: Final = 1
"""The person's `category_id` in COCO's annotations."""

PERSONS: Final = (0, PERSON)
"""What stands for a person in results: 0 as detectron2 counts classes, 1 as COCO does."""


def is_category_of_people(value: Any) -> bool:
    """Whether the `category_id` of a result, in any form of a number, stands for a person."""
    try:
        return is_person(whole_number(value))
    except ValueError:
        return False


def is_person(category: int, person: int = PERSON) -> bool:
    """Whether a category of results is the annotations' `person`; 0 stands for COCO's person too."""
    return category == person or (person == PERSON and category in PERSONS)
