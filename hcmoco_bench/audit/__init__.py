"""What pre-training, training and test share: samples, clips, people and frames that look alike."""
