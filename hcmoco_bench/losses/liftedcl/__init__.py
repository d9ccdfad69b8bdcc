"""The terms of LiftedCL: contrast of views with queues of keys, cells brought into line, and the adversarial game."""
