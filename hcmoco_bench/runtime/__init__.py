"""What a running command rests on: processes, ranks, progress, settings, registries."""
