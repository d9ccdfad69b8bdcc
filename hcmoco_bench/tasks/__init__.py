"""Downstream tasks: data, head, protocols and metric of each, one way to fine-tune and one to evaluate."""
