"""``python tests/torture``: see ``ordeals.py``."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1]))  # what all tests share

from ordeals import main

main()
