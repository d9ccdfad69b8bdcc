"""The kinds of store that this package brings along; `hcmoco_bench.store.registry` finds them by name."""
