"""Pre-training methods (HCMoCo, CMC, MMV) and the runs that train encoders with them."""
