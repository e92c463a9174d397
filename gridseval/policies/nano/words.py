"""From an instruction to numbers: words, hashed into two tables, so that there is no vocabulary.

Two words share both numbers only if two hashes collide at once: once in a million pairs with 1024
entries per table.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def hash_words(instruction: str, words: int, buckets: int) -> NDArray[np.int64]:
    """Return an instruction's words as indices into two tables.

    Upper and lower case are the same, punctuation is left out.

    Args:
        instruction: Any text; one without a word counts as one empty word.
        words: The most that are taken.
        buckets: Entries of a table, at least 1.

    Returns:
        int64 (n, 2), 1 ≤ n ≤ words; in [1, buckets], since 0 stands for padding.
    """
    found = re.findall(r"\w+", instruction.lower()) or [""]
    return np.array([_hashes(word, buckets) for word in found[:words]], np.int64)


def pad_words(instructions: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return several instructions as int64 (B, T, 2), shorter ones padded with zeros."""
    longest = max(map(len, instructions))
    padded = [np.pad(each, ((0, longest - len(each)), (0, 0))) for each in instructions]
    return np.stack(padded)


def _hashes(word: str, buckets: int) -> tuple[int, int]:
    data = word.encode()
    return zlib.crc32(data) % buckets + 1, zlib.adler32(b"two " + data[::-1]) % buckets + 1
