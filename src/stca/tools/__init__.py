"""What belongs to no stage: files, names, devices, progress, provenance."""
