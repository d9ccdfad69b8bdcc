"""Raw data to prepared store: plans, lists, shards, workers, resume, manifest, verification."""
