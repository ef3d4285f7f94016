"""Pictures to learn from: raw material, mixtures, damage."""
