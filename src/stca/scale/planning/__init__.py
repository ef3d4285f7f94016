"""How many machines, how much disk and memory so many cameras need, by unit costs measured on one machine."""
