"""OpenVLA's family: Hugging Face directories with ``dataset_statistics.json``."""
