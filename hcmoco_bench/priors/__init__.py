"""Priors of human skeletons: sets of 3-D poses that lifted skeletons are compared with."""
