"""LiftedCL's parts: settings, networks, objective, first weights, and what a run says of itself."""
