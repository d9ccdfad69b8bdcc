"""Pre-training methods, one module each; the rest of the package reaches them through `pretrain.registry`."""
