"""A whole training: from its arguments to a checkpoint folder; interrupted, it goes on."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from gridseval.errors import UsageError
from gridseval.policies.nano.config import NanoConfig
from gridseval.policies.nano.model import NanoModel
from gridseval.policies.nano.policy import threads_set_to
from gridseval.policies.torch_file import check_device
from gridseval.training.averages import rate_at
from gridseval.training.config import TrainConfig
from gridseval.training.data_checks import check_distinct, notes_on
from gridseval.training.dataset import Dataset, read_dataset
from gridseval.training.image_cache import cached_images
from gridseval.training.output import VALIDATED, Output, open_output
from gridseval.training.precision import choose_precision
from gridseval.training.progress import Quiet, TrainingProgress
from gridseval.training.rounds import collect_round
from gridseval.training.samples import hold_out, join_samples, order
from gridseval.training.snapshot import TrainingState, load_state
from gridseval.training.start import set_normalisation, start_model
from gridseval.training.success import check_simulation, errors_of, evaluate_model
from gridseval.training.trainer import LossError, Trainer

ROW_EVERY = 20
"""Steps between rows of ``loss.csv``."""


def train(config: TrainConfig, progress: TrainingProgress | None = None) -> TrainingState:
    """Train ``nano`` and write its checkpoint, with all that is needed to repeat it.

    Interrupted at any time, the same call goes on.

    Args:
        config: What to do.
        progress: Shows how far it is; default: shows nothing.

    Returns:
        What the training remembers.

    Raises:
        GridsevalError: Something a user can mend.
    """
    progress = progress or Quiet()
    device = check_device(config.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    precision = choose_precision(config.precision, device)
    with threads_set_to(config.threads), _generator_kept():
        model = start_model(config)
        shape = model.config
        datasets = [read_dataset(path, shape.cameras, shape.chunk) for path in config.datasets]
        check_distinct(datasets)
        check_simulation(config, datasets, shape)
        for note in notes_on(datasets):
            progress.on_note(note)
        with open_output(config, model, datasets, device, precision) as output:
            for warning in output.warnings:
                progress.on_note(warning)
            if output.finished is not None:
                progress.on_note(f"{config.out} is a finished training")
                return output.finished
            session = _Session(config, shape, datasets, device, output, progress)
            session.run(session.begin(model, precision))
            return session.state


class _Session:
    """A training that runs, with its samples."""

    def __init__(
        self,
        config: TrainConfig,
        shape: NanoConfig,
        datasets: list[Dataset],
        device: str,
        output: Output,
        progress: TrainingProgress,
    ) -> None:
        self._config, self._shape, self._device = config, shape, device
        self._given = sum(dataset.frames for dataset in datasets)
        self._datasets, self._output, self._progress = datasets, output, progress
        now = datetime.datetime.now(datetime.timezone.utc)
        self.state = TrainingState(started=now.isoformat(timespec="seconds"))
        self._saved_seconds = 0.0

    def begin(self, model: NanoModel, precision: str) -> Trainer:
        """Return what trains: as it was, if it was begun before."""
        loaded = load_state(self._config.out)
        if loaded is not None:
            self.state = loaded[0]
            self._saved_seconds = self.state.seconds
            for result in self.state.rounds:
                self._datasets.append(self._read(result))
        self._load_samples()
        if loaded is None and self._config.init is None:
            set_normalisation(model, self._samples.states[self._chosen])
        trainer = Trainer(model, self._config, self._device, precision)
        if loaded is not None:
            trainer.load_state_dict(loaded[1])
            self._output.saved_step = self.state.step
            self._progress.on_note(f"goes on at step {self.state.step}")
            for change in self._output.changes:
                self._progress.on_note(change)
        return trainer

    def run(self, trainer: Trainer) -> None:
        """Train to the end."""
        while (share := self._share()) < 1:
            # Before the step: killed while it evaluates, the training comes back to here.
            if self._due_evaluation():
                self._evaluate(trainer)
            done = len({each["round"] for each in self.state.rounds})
            if done < self._config.dagger and share >= (done + 1) / (self._config.dagger + 1):
                self._round(trainer, done + 1)
            self._step(trainer, share)
            if self.state.seconds - self._saved_seconds >= self._config.save_every_s:
                self._save(trainer)
        self._last_row(trainer)
        if self._config.evaluate_every is not None:
            self._evaluate(trainer)
        self._save(trainer)
        self._output.finish(self.state)

    def _share(self) -> float:
        """Return which share of the training is done."""
        minutes = self._config.most_minutes
        if minutes is None:
            return self.state.step / (self._config.steps or 1)
        return self.state.seconds / (60 * minutes)

    def _step(self, trainer: Trainer, share: float) -> None:
        config, state = self._config, self.state
        began, began_cpu = time.perf_counter(), time.process_time()
        since = state.step - state.segment_step
        chosen = order(self._chosen, config.batch, since, (config.seed, 2, state.segment_step))
        try:
            loss = trainer.step(self._samples, chosen, state.step, share)
        except LossError as error:
            raise LossError(error.message, self._after_failure()) from error
        state.step += 1
        state.loss_sum, state.loss_count = state.loss_sum + loss, state.loss_count + 1
        state.seconds += time.perf_counter() - began
        state.cpu_seconds += time.process_time() - began_cpu
        validated = state.step % config.validate_every == 0
        if validated or state.step % ROW_EVERY == 0:
            self._row(trainer, share, validated)
        self._progress.on_step(state, self._share(), loss)

    def _last_row(self, trainer: Trainer) -> None:
        """Let the last step have a row with the validation of the weights that are kept."""
        rows = self.state.rows
        if not rows or rows[-1]["step"] != self.state.step:
            self._row(trainer, 1.0, validated=True)
        elif rows[-1]["validation"] is None:
            rows[-1] |= self._validated(trainer)

    def _row(self, trainer: Trainer, share: float, validated: bool) -> None:
        state = self.state
        mean = state.loss_sum / state.loss_count if state.loss_count else None
        row = {
            "step": state.step,
            "minutes": round(state.seconds / 60, 3),
            "rate": rate_at(share, self._config.lr, self._config.warm_up),
            "loss": mean,
            **(self._validated(trainer) if validated else dict.fromkeys(VALIDATED)),
        }
        state.rows.append(row)
        state.loss_sum, state.loss_count = 0.0, 0

    def _validated(self, trainer: Trainer) -> dict[str, float | None]:
        """Return the last columns of a row."""
        if not len(self._held):
            return dict.fromkeys(VALIDATED)
        parts = trainer.validate(self._samples, self._held)
        # Of seven components, three are translations and three rotations.
        whole = (3 * parts[0] + 3 * parts[1] + parts[2]) / 7
        return dict(zip(VALIDATED, (whole, *parts), strict=True))

    def _save(self, trainer: Trainer) -> None:
        self._output.save(trainer, self.state)
        self._saved_seconds = self.state.seconds

    def _due_evaluation(self) -> bool:
        every = self._config.evaluate_every
        since = self.state.seconds - self.state.evaluated_seconds
        return every is not None and since >= 60 * every

    def _evaluate(self, trainer: Trainer) -> None:
        state = self.state
        if any(each["step"] == state.step for each in state.evaluations):
            return
        self._save(trainer)
        with self._progress.episodes() as shown:
            found = evaluate_model(self._config, self._datasets, state.step, self._device, shown)
        state.evaluations += found
        state.evaluated_seconds = state.seconds
        for each in found:
            self._progress.on_note(
                f"step {state.step}: {each['successes']} of {each['episodes']} episodes of "
                f"{each['suite']} solved{errors_of(each)}"
            )
        self._save(trainer)

    def _round(self, trainer: Trainer, number: int) -> None:
        self._save(trainer)
        with self._progress.episodes() as shown:
            found = collect_round(
                self._config, self._datasets, number, self._shape, self._device, shown
            )
        self._datasets += [self._read(each) for each in found]
        self._load_samples()
        self.state.rounds += found
        self.state.segment_step = self.state.step
        frames = len(self._samples)
        self._progress.on_note(f"round {number} of DAgger: {frames} samples now")
        self._save(trainer)

    def _read(self, result: Mapping[str, Any]) -> Dataset:
        """Read the dataset of a round; the training's folder may have been moved."""
        path = self._config.out / result["path"]
        return read_dataset(path, self._shape.cameras, self._shape.chunk)

    def _load_samples(self) -> None:
        config, shape = self._config, self._shape
        images = [
            cached_images(
                each, shape.cameras, shape.image_px, config.cache, self._progress.on_image
            )
            for each in self._datasets
        ]
        self._samples = join_samples(self._datasets, images, shape)
        self._chosen, self._held = hold_out(self._samples, self._given, config.holdout, config.seed)
        if not len(self._chosen):
            raise UsageError("the datasets have no frame to train on", "collect more episodes")

    def _after_failure(self) -> str:
        saved = self._output.saved_step
        kept = "" if saved is None else f"{self._config.out} keeps the checkpoint of step {saved}; "
        return f"{kept}train anew with a smaller --lr into another folder"


@contextlib.contextmanager
def _generator_kept() -> Iterator[None]:
    """Leave torch's generator as it was: each step seeds it."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
