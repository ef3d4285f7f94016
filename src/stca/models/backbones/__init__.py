"""The networks that can be the 2D or the 3D stream."""
