"""What the pages show: templates, tiles, drawings, words."""
