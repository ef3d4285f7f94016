"""The folder of one camera: what is written there, and what it says of a run before."""
