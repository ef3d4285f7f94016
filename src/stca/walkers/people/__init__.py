"""How synthetic people look and move."""
