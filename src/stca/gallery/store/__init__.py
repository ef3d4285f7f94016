"""What a gallery must not lose, in SQLite."""
