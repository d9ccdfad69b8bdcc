"""Generated people in front of a simulated Kinect v2, written in the raw layouts."""
