"""The weights that come with the package: how they are made, and what they are worth."""
