"""Leaderboards in the formats of others: Hugging Face, Every Eval Ever and Croissant Tasks; results on model cards."""
