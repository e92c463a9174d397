"""Ray: the connection to a cluster, its nodes, and what runs on them."""
