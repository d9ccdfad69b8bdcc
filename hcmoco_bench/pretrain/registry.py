"""All pre-training methods by name: those of this package, and those that other packages add.

A package adds a method through the entry-point group `hcmoco_bench.methods`, or in a process through `register_method`.
"""

from __future__ import annotations

from hcmoco_bench.pretrain.method import Method
from hcmoco_bench.runtime.registry import Registry

GROUP = "hcmoco_bench.methods"
DEFAULT_METHOD = "hcmoco"

METHODS: Registry[Method] = Registry(
    "method",
    Method,  # type: ignore[type-abstract]
    GROUP,
    {
        "cmc": "hcmoco_bench.pretrain.methods.cmc:CMC",
        "hcmoco": "hcmoco_bench.pretrain.methods.hcmoco:HCMoCo",
        "liftedcl": "hcmoco_bench.pretrain.methods.liftedcl:LiftedCL",
        "mmv": "hcmoco_bench.pretrain.methods.mmv:MMV",
    },
)
"""The registry; a method's module is imported when it is asked for."""


def method_names() -> tuple[str, ...]:
    """Names of all methods, in alphabetical order."""
    return METHODS.names()


def get_method(method: str | Method) -> Method:
    """The method of a name, or the object that is given.

    Raises:
        UsageError: If there is none of that name; lists near matches.
    """
    return method if isinstance(method, Method) else METHODS.get(method)


def register_method(method: Method | type[Method]) -> None:
    """Add a method in this process, under the name in its record.

    Raises:
        UsageError: If the name is taken.
    """
    METHODS.register(method.record.name, method)
