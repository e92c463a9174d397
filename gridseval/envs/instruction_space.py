"""The space of instructions, which stay right in the shared memory of Gymnasium's environments.

``gymnasium.vector.AsyncVectorEnv`` reads observations from shared memory once, as views of arrays.
There is no view of a text, so the instruction that it read before the first reset, ``"aaa…"``,
would be what policies get from then on. Here the view is an object that reads when it is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from gymnasium.spaces import Text
from gymnasium.vector.utils import read_from_shared_memory


class InstructionSpace(Text):
    """Texts; a vector environment's observation of them is always that of the last step."""


class SharedTexts(Sequence[str]):
    """The texts that stand in shared memory now; a copy of it is a tuple of them.

    Args:
        space: Of one text.
        memory: As Gymnasium made it.
        count: How many texts there are.
    """

    def __init__(self, space: Text, memory: Any, count: int) -> None:
        self._plain = Text(space.max_length, charset="".join(space.character_list))
        self._memory, self._count = memory, count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._texts()[index]

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return self._texts() == (tuple(other) if isinstance(other, Sequence) else other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return repr(self._texts())

    def __copy__(self) -> tuple[str, ...]:
        return self._texts()

    def __deepcopy__(self, _: dict[int, Any]) -> tuple[str, ...]:
        return self._texts()

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._texts(),)

    def _texts(self) -> tuple[str, ...]:
        texts: Any = read_from_shared_memory(self._plain, self._memory, self._count)
        return tuple(texts)


@read_from_shared_memory.register(InstructionSpace)
def _read_instructions(space: InstructionSpace, shared_memory: Any, n: int = 1) -> SharedTexts:
    return SharedTexts(space, shared_memory, n)
