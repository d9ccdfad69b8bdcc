"""hcmoco-bench: data and benchmark toolkit for human-centric perception.

What a Python user needs can be imported from here; `__init__.pyi` beside this file lists it, by subject. The module of
a name is imported when the name is first used, so `import hcmoco_bench` stays fast.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
