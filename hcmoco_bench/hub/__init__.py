"""Prepared store to Hugging Face dataset: publish, join, push."""
