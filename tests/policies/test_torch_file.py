from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError
from gridseval.policies import check_actions
from gridseval.policies.torch_file import TorchPolicy


@pytest.mark.parametrize("name", ["script.pt", "any.pt2", "one.pt2", "two.pt2"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_program_answers_for_every_slot(
    name: str, batch: int, programs: Path, observations: Any, expected: Any
) -> None:
    given = observations(batch)
    actions = check_actions(TorchPolicy(str(programs / name)).act(given), batch)
    assert actions.shape == (batch, 3, 7)
    np.testing.assert_allclose(actions, expected(given), atol=1e-6)


@pytest.mark.parametrize("name", ["script.pt", "any.pt2"])
def test_with_batch_one_a_slot_gets_the_same_bits_in_any_company(
    name: str, programs: Path, observations: Any
) -> None:
    policy = TorchPolicy(str(programs / name), batch=1)
    given = observations(4)
    together = policy.act(given).actions
    for slot in range(4):
        alone = {
            key: value[slot : slot + 1] for key, value in given.items() if key != "instruction"
        }
        np.testing.assert_array_equal(policy.act(alone).actions[0], together[slot])


def test_observations_may_be_read_only_and_stay_as_they_are(
    programs: Path, observations: Any
) -> None:
    given = observations(2)
    for key in ("agentview", "wrist", "state"):
        given[key].flags.writeable = False
    TorchPolicy(str(programs / "script.pt")).act(given)


def test_a_program_that_fails_names_its_inputs(programs: Path, observations: Any) -> None:
    given = observations(2) | {"state": np.zeros((2, 9), np.float32)}
    for name in ("script.pt", "any.pt2"):
        with pytest.raises(PolicyError, match=r"failed on inputs of shape .*\(2, 9\)"):
            TorchPolicy(str(programs / name)).act(given)


def test_a_program_with_other_inputs_is_refused(tmp_path: Path) -> None:
    import torch

    class Blind(torch.nn.Module):
        def forward(self, state: torch.Tensor) -> torch.Tensor:
            return state[:, None, :7]

    exported = torch.export.export(Blind(), (torch.zeros(2, 8),))
    torch.export.save(exported, tmp_path / "blind.pt2")
    with pytest.raises(PolicyError, match=r"takes 1 inputs, expected 3 .in this order: agentview"):
        TorchPolicy(str(tmp_path / "blind.pt2"))


@pytest.mark.parametrize("name", ["script.pt", "any.pt2"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(
    name: str, part: float, programs: Path, tmp_path: Path
) -> None:
    content = (programs / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * part)])
    with pytest.raises(PolicyError, match=f"cannot read .*{name}"):
        TorchPolicy(str(tmp_path / name))


@pytest.mark.parametrize("name", ["script.pt", "any.pt2"])
def test_a_flipped_bit_of_a_weight_is_found(
    name: str, programs: Path, tmp_path: Path, module: Any
) -> None:
    content = bytearray((programs / name).read_bytes())
    weights = module.linear.weight.detach().numpy().tobytes()
    content[content.index(weights)] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PolicyError, match=r"is damaged: the checksum of .* differs"):
        TorchPolicy(str(tmp_path / name))


def test_weights_without_a_program_are_explained(programs: Path) -> None:
    with pytest.raises(PolicyError, match=r"holds no program.*torch\.export\.save"):
        TorchPolicy(str(programs / "weights.pth"))


class Attack:
    """Pickled, a file that creates ``marker`` when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return (Path.touch, (self._marker,))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pt2"])
@pytest.mark.parametrize("form", ["pickle", "torch.save"])
def test_a_pickle_is_refused_with_nothing_run(suffix: str, form: str, tmp_path: Path) -> None:
    import torch

    marker, file = tmp_path / "ran", tmp_path / f"policy{suffix}"
    if form == "pickle":
        file.write_bytes(pickle.dumps(Attack(marker)))
    else:
        torch.save(Attack(marker), file)
    with pytest.raises(PolicyError):
        TorchPolicy(str(file))
    assert not marker.exists()
