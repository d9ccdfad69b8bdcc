"""The one training loop (on Accelerate), its schedule, checkpoints, loss table and trackers."""
