import torch

from hcmoco_bench import SegmentationMetric

metric = SegmentationMetric(["background", "head", "hand"], ignore_index=255)
label = torch.tensor([[[0, 1, 1, 2]]])
metric.update(torch.tensor([[[0, 1, 2, 2]]]), label, ["one sample"])
print(f"mIoU {metric.compute().miou:.3f}")
