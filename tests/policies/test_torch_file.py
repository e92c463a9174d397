from __future__ import annotations

import pickle
import warnings
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


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program whose last bits depend on its batch size, as real policies' do."""
    import torch
    from torch import nn

    torch_jit: Any = torch.jit

    class Convolutional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Sequential(nn.Conv2d(3, 16, 8, 8), nn.ReLU(), nn.Conv2d(16, 8, 4, 4))
            self.mlp = nn.Sequential(nn.Linear(520, 256), nn.Tanh(), nn.Linear(256, 21))

        def forward(
            self, agentview: torch.Tensor, wrist: torch.Tensor, state: torch.Tensor
        ) -> torch.Tensor:
            image = (agentview.float() - wrist.float()).permute(0, 3, 1, 2) / 255
            seen = self.conv(image).flatten(1)
            return self.mlp(torch.cat([seen, state], dim=1)).view(-1, 3, 7)

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("convolutional") / "policy.pt"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        torch_jit.save(torch_jit.script(Convolutional().eval()), str(file))
    return file


def _alone(given: dict[str, Any], slot: int) -> dict[str, Any]:
    return {key: value[slot : slot + 1] for key, value in given.items()}


def test_a_slot_gets_the_same_bits_in_any_company(
    convolutional: Path, programs: Path, observations: Any
) -> None:
    given = observations(5)
    for file in (convolutional, *(programs / name for name in ("script.pt", "any.pt2", "two.pt2"))):
        policy = TorchPolicy(str(file))
        together = policy.act(given).actions
        for slot in range(5):
            np.testing.assert_array_equal(
                policy.act(_alone(given, slot)).actions[0], together[slot], err_msg=file.name
            )


def test_batches_are_made_only_when_asked_for(
    convolutional: Path, observations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = observations(5)
    for batch, sizes in ((None, [1] * 5), (1, [1] * 5), (4, [4, 4])):
        policy, called = TorchPolicy(str(convolutional), batch=batch), []
        run = policy._run

        def note(*tensors: Any, run: Any = run, called: list[int] = called) -> Any:
            called.append(len(tensors[0]))
            return run(*tensors)

        monkeypatch.setattr(policy, "_run", note)
        actions = policy.act(given).actions
        assert called == sizes
        assert actions.shape == (5, 3, 7)


def test_a_device_that_is_not_there_is_named(
    programs: Path, observations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    assert len(TorchPolicy(str(programs / "any.pt2"), device="cpu").act(observations(1)).actions)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(PolicyError, match=r"device 'cuda' is not available.*finds 0 GPUs"):
        TorchPolicy(str(programs / "script.pt"), device="cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(PolicyError, match="device 'cuda:1' is not available"):
        TorchPolicy(str(programs / "script.pt"), device="cuda:1")
    with pytest.raises(PolicyError, match=r"there is no device 'gpu' .give cpu, cuda"):
        TorchPolicy(str(programs / "script.pt"), device="gpu")


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
        with pytest.raises(PolicyError, match=r"failed on inputs of shape .*\(1, 9\)"):
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
