"""The person: body data, shape, rig, parts, Kinect joints, and the performer who wears clothes and moves."""
