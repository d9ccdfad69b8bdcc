"""What methods that compare RGB, depth and 2-D keypoints share: data, encoders with mappers, the sample level."""
