"""The simulated Kinect v2: cameras, rays, shading, sensors and body tracking."""
