"""Multiply-accumulates (MACs) of linear maps, convolutions and transformer layers, by shape.

Counted are matrix products: projections, attention scores and their use, MLPs. Norms, activations,
softmax, rotary embeddings, look-ups and biases are not; they are well below one percent. A MAC is
two floating-point operations.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """A linear map.

    Args:
        inputs: Width of what goes in, at least 1.
        outputs: Width of what comes out, at least 1.
        times: How many vectors it is applied to, at least 1.

    Raises:
        ValueError: A number is below 1.
    """

    inputs: int
    outputs: int
    times: int = 1

    def __post_init__(self) -> None:
        _check_positive(inputs=self.inputs, outputs=self.outputs, times=self.times)

    @property
    def macs(self) -> int:
        """MACs of all applications."""
        return self.inputs * self.outputs * self.times


@dataclass(frozen=True)
class Convolution:
    """A two-dimensional convolution.

    Args:
        inputs: Channels of what goes in, at least 1.
        outputs: Channels of what comes out, at least 1.
        kernel: Rows, and columns, of the kernel, at least 1.
        places: Rows · columns of what comes out, at least 1. At the border all of the kernel is
            counted, as it is computed.

    Raises:
        ValueError: A number is below 1.
    """

    inputs: int
    outputs: int
    kernel: int
    places: int

    def __post_init__(self) -> None:
        _check_positive(
            inputs=self.inputs, outputs=self.outputs, kernel=self.kernel, places=self.places
        )

    @property
    def macs(self) -> int:
        """MACs of all places."""
        return self.inputs * self.outputs * self.kernel**2 * self.places


@dataclass(frozen=True)
class Transformer:
    """A stack of equal layers.

    Args:
        layers: At least 1.
        width: Of the residual stream (d).
        mlp: Inner width of the MLP (m).
        heads: Query heads.
        kv_heads: Key and value heads: fewer than ``heads`` with grouped queries.
        head_dim: Width of a head; ``heads * head_dim`` need not be ``width``.
        gated: Whether the MLP has a third matrix (SwiGLU, GeGLU).

    Raises:
        ValueError: A number is below 1, or the heads don't share keys evenly.
    """

    layers: int
    width: int
    mlp: int
    heads: int
    kv_heads: int
    head_dim: int
    gated: bool = False

    def __post_init__(self) -> None:
        _check_positive(
            layers=self.layers, width=self.width, mlp=self.mlp, heads=self.heads,
            kv_heads=self.kv_heads, head_dim=self.head_dim,
        )  # fmt: skip
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} heads cannot share {self.kv_heads} key-value heads")

    @property
    def token_macs(self) -> int:
        """MACs of one layer per token, attention itself left out."""
        attention = 2 * self.width * self.head_dim * (self.heads + self.kv_heads)
        return attention + (3 if self.gated else 2) * self.width * self.mlp

    def attention_macs(self, queries: int, keys: int) -> int:
        """Return the MACs of one layer's scores and weighted sums, of all pairs, masked or not."""
        return 2 * queries * keys * self.heads * self.head_dim

    def layer_macs(self, tokens: int, context: int = 0) -> int:
        """Return one layer's MACs.

        With grouped queries left out this is 4nd² + 2n²d + 2ndm, or 3ndm with a gated MLP.

        Args:
            tokens: Tokens that go through the layer (n).
            context: Further tokens that they attend to, whose keys and values are there already.
        """
        return tokens * self.token_macs + self.attention_macs(tokens, tokens + context)


def _check_positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
