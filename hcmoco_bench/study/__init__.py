"""Studies: plans of pre-trainings, fine-tunings and comparisons that run themselves, and what they find."""
