"""``python -m gridseval``."""

from gridseval.cli import main

main()
