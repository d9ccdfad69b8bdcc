"""What all tasks share: the interface, the registry, fine-tuning, evaluation and results."""
