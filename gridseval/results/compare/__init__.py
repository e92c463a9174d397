"""Which episodes of two runs flipped, and where their trajectories part."""
