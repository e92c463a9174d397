"""The shards of a run, and one run directory of them."""
