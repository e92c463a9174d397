"""Real models around a pruner: hooks put it in, and no file of the model changes."""
