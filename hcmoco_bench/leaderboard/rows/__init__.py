"""Rows of checked results: their files, the checks that give them a level, adding and verifying them."""
