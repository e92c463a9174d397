"""The gate of a CI: pass, regression or cannot tell."""
