"""More than one machine: tracking and embedding on Ray, vectors as Parquet, and planning what is needed."""
