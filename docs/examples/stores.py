from pathlib import Path

from hcmoco_bench import open_store, verify_store

store = open_store(Path("hcmoco-data/parsing4k"))  # a store of any kind
print(store.kind.title, {name: split.rows for name, split in store.manifest.splits.items()})
for row in store.rows("test"):  # rows come in the order of the split
    sample = store.kind.decode(row)  # arrays: rgb (424, 512, 3), depth (424, 512) uint16, ...
    print(sample.sample_id, sample.rgb.shape)
    break
print("passed:", verify_store(store.path).passed)
