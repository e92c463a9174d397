"""``nano``: a small vision-language-action model with a place for every pruner.

Images become 16 × 16 tokens per camera in a few convolutions, the instruction one token per word,
the state one token; a decoder turns as many learned action slots into actions, all at once. What a
pruner drops is gone: later layers run on fewer tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.policies.nano.config import ACTION, STATE, NanoConfig
from gridseval.policies.nano.encoder import ConvolutionalEncoder
from gridseval.policies.nano.layers import DecoderLayer, rotation_of
from gridseval.tokens.pruners import Role, build_pruner
from gridseval.tokens.pruners.entries import LayerEntries, Running
from gridseval.tokens.pruners.entropy import entropy_of
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput


@dataclass(frozen=True, eq=False)
class NanoInput:
    """A batch of observations.

    Attributes:
        images: uint8 (B, cameras, image_px, image_px, 3).
        words: int64 (B, T, 2), as :func:`pad_words` makes them.
        state: float32 (B, 8).
        slots: B numbers for pruners that remember; default: 0 to B − 1.
        generators: B random generators for pruners that draw; default: torch's own.
    """

    images: Tensor
    words: Tensor
    state: Tensor
    slots: Sequence[int] | None = None
    generators: Sequence[torch.Generator] | None = None


@dataclass(frozen=True, eq=False)
class NanoOutput:
    """What a pass gives.

    Attributes:
        actions: float (B, chunk, 7).
        pruned: The visual tokens that reached the last layer.
        stages: ``(layer, int64 (B,))``: the number of visual tokens that run from that layer on.
        maps: Attention of the layers that were asked for, by layer.
    """

    actions: Tensor
    pruned: Pruned
    stages: tuple[tuple[int, Tensor], ...]
    maps: dict[int, AttentionMap]


class NanoModel(nn.Module):
    """The model.

    Args:
        config: Its shape; its pruner is built, too.

    Attributes:
        state_mean, state_std: float32 (8,), by which a state is normalised: those of the training
            data, 0 and 1 before.

    Raises:
        PolicyError: The pruner does not fit.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = ConvolutionalEncoder(config)
        self.projector = nn.Linear(config.encoder_width, width)
        self.position = nn.Parameter(torch.randn(config.grid**2, width) * 0.02)
        self.camera = nn.Parameter(torch.randn(len(config.cameras), width) * 0.02)
        self.word_tables = nn.ModuleList(nn.Embedding(config.buckets + 1, width) for _ in range(2))
        self.state = nn.Linear(STATE, width)
        self.state_mean: Tensor
        self.state_std: Tensor
        self.register_buffer("state_mean", torch.zeros(STATE))
        self.register_buffer("state_std", torch.ones(STATE))
        self.slots = nn.Parameter(torch.randn(config.chunk, width) * 0.02)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.head = nn.Linear(width, ACTION)
        self.pruner: Pruner = build_pruner(
            config.pruner.name, config.host, **config.pruner.arguments
        )

    def forward(self, inputs: NanoInput, maps: Collection[int] = ()) -> NanoOutput:
        """Run the model.

        Args:
            inputs: A batch.
            maps: Decoder layers whose attention is wanted, besides those that the pruner needs.

        Raises:
            PolicyError: The pruner refuses its input, or there is no such layer.
        """
        for layer in maps:
            if not 0 <= layer < self.config.layers:
                raise PolicyError(
                    f"nano has no decoder layer {layer}, only 0 to {self.config.layers - 1}"
                )
        return _Pass(self, inputs, frozenset(maps), *self.embed(inputs)).run()

    def encode(self, inputs: NanoInput) -> Tensor:
        """Return visual features, float (B, P, encoder_width), camera after camera, row-major."""
        batch, cameras = inputs.images.shape[:2]
        features: Tensor = self.encoder(inputs.images.flatten(0, 1), self.mean_word(inputs.words))
        return features.view(batch, cameras * self.config.grid**2, -1)

    def embed_words(self, words: Tensor) -> Tensor:
        """Return the words of int64 (B, T, 2) as float (B, T, width), padding included."""
        first, second = self.word_tables
        embedded: Tensor = first(words[..., 0]) + second(words[..., 1])
        return embedded

    def mean_word(self, words: Tensor) -> Tensor:
        """Return the mean of an instruction's words, padding left out, float (B, width)."""
        is_word = (words[..., :1] > 0).to(self.slots.dtype)
        return (self.embed_words(words) * is_word).sum(1) / is_word.sum(1)

    def embed(self, inputs: NanoInput) -> tuple[Tensor, Tensor]:
        """Return all other tokens, (B, T + 1 + chunk, width), and int64 roles of the same."""
        words = self.embed_words(inputs.words)
        batch = len(words)
        normalised = (inputs.state - self.state_mean) / self.state_std
        state = self.state(normalised.to(words.dtype))[:, None]
        slots = self.slots.expand(batch, -1, -1)
        is_word = inputs.words[..., 0] > 0
        instruction = torch.where(is_word, int(Role.INSTRUCTION), int(Role.PADDING))
        ends = [Role.STATE, *[Role.ACTION] * len(self.slots)]
        roles = torch.tensor(ends, device=words.device).expand(batch, -1)
        return torch.cat([words, state, slots], 1), torch.cat([instruction, roles], 1)

    def positions(self, words: int, offset: int) -> Tensor:
        """Return positions of all other tokens, (T + 1 + chunk,), independent of the padding."""
        after = torch.arange(1 + self.config.chunk) + self.config.words
        return offset + torch.cat([torch.arange(words), after])


@dataclass(eq=False)
class _Pass:
    """One pass: the sequence as it shrinks, and what pruners get to see of it."""

    model: NanoModel
    inputs: NanoInput
    wanted: frozenset[int]
    other: Tensor
    roles: Tensor
    stages: list[tuple[int, Tensor]] = field(default_factory=list)
    maps: dict[int, AttentionMap] = field(default_factory=dict)
    outputs: dict[int, Tensor] = field(default_factory=dict)
    pruned: Pruned | None = None
    asked: PrunerInput | None = None
    embedded: tuple[Tensor, Tensor] | None = None
    running: Running | None = None
    geometry: tuple[Tensor, Tensor | None, Tensor] | None = None

    def run(self) -> NanoOutput:
        model, pruner = self.model, self.model.pruner
        places = {(place.where, place.layer): n for n, place in enumerate(pruner.places)}
        observed = pruner.needs.observed
        layers_needed = {*self.wanted, *observed, *sum(pruner.needs.attention, ())}
        visual = model.encode(self.inputs)
        if ("encoder", 0) in places:
            visual = self._prune(0, visual)
        visual = self._project(visual)
        if pruner.needs.embeddings:
            self.embedded = (visual, self.other)
        if ("before", 0) in places:
            visual = self._prune(0, visual)
        for number, layer in enumerate(model.layers):
            if ("layer", number) in places:
                visual = self._prune(places["layer", number], visual, number)
            visual = self._narrow(number, visual)
            visual = self._layer(number, layer, visual, number in layers_needed)
        assert self.pruned is not None and self.asked is not None  # every pruner has a place
        if observed:
            pruner.observe(self.asked, self.pruned, {at: self.maps[at] for at in observed})
        actions = model.head(model.norm(self.other[:, -len(model.slots) :]))
        maps = {at: self.maps[at] for at in self.wanted}
        return NanoOutput(actions, self.pruned, tuple(self.stages), maps)

    def _project(self, visual: Tensor) -> Tensor:
        """Return tokens of the decoder's width, with marks of their place and camera."""
        model = self.model
        projected: Tensor = model.projector(visual)
        count = model.config.grid**2
        if self.pruned is None:
            return projected + (model.camera[:, None] + model.position).flatten(0, 1)
        # Of tokens that an encoder-side pruner kept, positions tell both.
        ids = self.pruned.position_ids
        chosen = model.camera[ids // count] + model.position[ids % count]
        return projected + chosen * self.pruned.mask[..., None]

    def _prune(self, number: int, visual: Tensor, layer: int = 0) -> Tensor:
        """Return the visual tokens that the pruner keeps, or makes, at one of its places."""
        pruner = self.model.pruner
        attention = pruner.needs.attention[number] if pruner.needs.attention else ()
        if pruner.training and pruner.entries is not None:
            pruner.reset(self._slots)  # nothing comes before a sample of a training's batch
        self.asked = PrunerInput(
            tokens=visual,
            cameras=self.model.config.host.cameras,
            text=self.other,
            text_roles=self.roles,
            attention={at: self.maps[at] for at in attention},
            outputs=self.outputs,
            pixels=self.inputs.images.float() if pruner.needs.pixels else None,
            slots=self._slots,
            generators=self.inputs.generators,
            embedded=self.embedded,
            earlier=self.pruned,
        )
        # GridS's coordinates, above all, need more digits than bfloat16 has.
        with torch.autocast(visual.device.type, enabled=False):
            self.pruned = pruner(self.asked)
        self.geometry = None
        self.stages.append((layer, self.pruned.counts))
        return self.pruned.tokens

    @property
    def _slots(self) -> Sequence[int]:
        slots = self.inputs.slots
        return range(len(self.other)) if slots is None else slots

    def _narrow(self, number: int, visual: Tensor) -> Tensor:
        """Return the visual tokens that a layer computes: not those whose entries it reuses."""
        reuse = None if self.pruned is None else self.pruned.reuse
        if reuse is None or not reuse.changes(number):
            return visual
        running = reuse.running(number)
        visual = running.narrow(visual, self.running)
        self.running, self.geometry = running, None
        if self.stages[-1][0] == number:  # before layer 0, all tokens have been noted
            self.stages.pop()
        self.stages.append((number, running.counts))
        return visual

    def _entries(self, number: int) -> LayerEntries | None:
        """Return a layer's key-value entries, of pruners that reuse some."""
        memory = self.model.pruner.entries
        if memory is None or not memory.remembers(number):
            return None
        dense = len(self.model.config.cameras) * self.model.config.grid**2
        return LayerEntries(memory, number, self._slots, self.running, 0, dense)

    def _layer(self, number: int, layer: nn.Module, visual: Tensor, with_map: bool) -> Tensor:
        """Run one layer on all tokens; return the visual ones, and keep the others."""
        count = visual.shape[1]
        rotation, keys, mask = self.geometry = self.geometry or self._geometry(visual)
        entries = self._entries(number)
        complete = None if entries is None else entries.complete
        tokens: Tensor
        given = torch.cat([visual, self.other], 1)
        note = None
        if number in self.model.pruner.needs.outputs:
            note = lambda added: self.outputs.update({number: added[:, :count]})  # noqa: E731
        tokens, weights = layer(given, rotation, keys, with_map, complete, note)
        if weights is not None:
            visual_roles = torch.where(mask[:, :count], int(Role.VISUAL), int(Role.PADDING))
            roles = torch.cat([visual_roles, self.roles], 1)
            entropy = entropy_of(weights) if self.model.pruner.needs.entropy else None
            columns = weights.shape[3] - self.other.shape[1]
            self.maps[number] = AttentionMap(weights[..., :columns], roles, entropy)
        self.other = tokens[:, count:]
        return tokens[:, :count]

    def _geometry(self, visual: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the sequence's rotation, the mask of its keys if one is, and its mask (B, N)."""
        batch, count = visual.shape[:2]
        pruned, device = self.pruned, visual.device
        if pruned is None:
            ids = torch.arange(count, device=device).expand(batch, -1)
            mask = torch.ones(batch, count, dtype=torch.bool, device=device)
        else:
            ids, mask = pruned.position_ids, pruned.mask
        keys = mask
        if self.running is not None:
            ids, mask = self.running.ids, self.running.mask
        # Sampled tokens are a separate sequence; kept ones leave gaps where others were.
        offset = count if pruned is None else pruned.span
        others = self.model.positions(self.inputs.words.shape[1], offset).to(device)
        keys, mask = (torch.cat([each, self.roles != Role.PADDING], 1) for each in (keys, mask))
        positions = torch.cat([ids, others.expand(batch, -1)], 1)
        rotation = rotation_of(positions, self.model.config.head_dim)
        return rotation, None if bool(keys.all()) else keys, mask
