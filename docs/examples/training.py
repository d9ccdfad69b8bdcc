from pathlib import Path

from hcmoco_bench import NtuStoreDataset, make_loader

dataset = NtuStoreDataset(Path("hcmoco-data/pretrain"), "train", size=128, joints="mpii16", train=True, seed=0)
for batch in make_loader(dataset, batch_size=2):
    print(batch.sample_ids, batch.rgb.shape, batch.depth.shape, batch.joints.shape)
    break
