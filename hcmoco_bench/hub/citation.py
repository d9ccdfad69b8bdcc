"""The publications behind a published dataset, as its card and its Croissant file cite them."""

from __future__ import annotations

from typing import Final

_METHOD: Final = """\
@inproceedings{hong2022versatile,
  title     = {Versatile Multi-Modal Pre-Training for Human-Centric Perception},
  author    = {Hong, Fangzhou and Pan, Liang and Cai, Zhongang and Liu, Ziwei},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2022}
}
"""

_SOURCE: Final = """\
@inproceedings{shahroudy2016ntu,
  title     = {{NTU RGB+D}: A Large Scale Dataset for {3D} Human Activity Analysis},
  author    = {Shahroudy, Amir and Liu, Jun and Ng, Tian-Tsong and Wang, Gang},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2016}
}
@article{liu2019ntu,
  title   = {{NTU RGB+D 120}: A Large-Scale Benchmark for {3D} Human Activity Understanding},
  author  = {Liu, Jun and Shahroudy, Amir and Perez, Mauricio and Wang, Gang and Duan, Ling-Yu and Kot, Alex C.},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  year    = {2019}
}
"""


def dataset_citation(*, licensed: bool) -> str:
    """BibTeX entries of a published dataset, with a final newline.

    Args:
        licensed: Whether anything in it comes from NTU RGB+D, whose papers are then cited too.
    """
    return _METHOD + _SOURCE if licensed else _METHOD
