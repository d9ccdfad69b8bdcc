import torch
from torch.nn.functional import normalize

from hcmoco_bench import in_batch_loss

torch.manual_seed(0)
rgb, depth = (normalize(torch.randn(8, 128), dim=1) for _ in range(2))
term = in_batch_loss(rgb, depth, torch.ones(8, dtype=torch.bool), temperature=0.07)
print(f"{term.value:.2f} over {int(term.count)} anchors")
