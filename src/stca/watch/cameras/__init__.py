"""One process for each camera: its frames as they come, tracked, and told to the watching process."""
