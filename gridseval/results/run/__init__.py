"""A run's directory: its records, its ``run.yaml``, and what may be compared with what."""
