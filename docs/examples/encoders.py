import torch

from hcmoco_bench import create_encoder

encoder = create_encoder("hrnet_w18_small")  # any timm backbone with features, or a registered encoder
maps = encoder(torch.zeros(1, 3, 64, 64))
print(encoder.input, encoder.strides, [tuple(one.shape) for one in maps])
