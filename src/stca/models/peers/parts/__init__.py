"""What several of the peers have in common: trunks, non-local blocks, frames to one vector."""
