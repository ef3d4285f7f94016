"""Where synthetic people walk, and the cameras that see them."""
