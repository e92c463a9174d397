"""What a run, or several, looks like: summaries, columns, sections, and their outputs."""
