"""Gymnasium environments: LIBERO's tasks, run to the bit, drawn on demand, in many processes."""
