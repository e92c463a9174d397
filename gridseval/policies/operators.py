"""Which of torch's operators only compute.

All operators that open a file take its name as a text. Few operators that compute take texts, and
those are listed here (torch 2.13); one that a later torch adds is refused until it is listed.
"""

from __future__ import annotations

import re

NAMESPACES = ("aten", "prim", "prims", "quantized", "torchvision")


def may_run(kind: str) -> bool:
    """Return whether an operator, by its full name (``aten::add``), only computes.

    A name that torch does not know as an operator runs nothing, and is accepted.
    """
    import torch

    namespace, _, name = kind.partition("::")
    if namespace == "prim":
        return name in _PRIMITIVES
    if namespace not in NAMESPACES:
        return False
    if namespace == "aten" and name in _WITH_TEXTS:
        return True
    schemas = torch._C._jit_get_schemas_for_operator(kind)  # torch offers no public way
    return not any("str" in str(given.type) for schema in schemas for given in schema.arguments)


_WITH_TEXTS = frozenset(
    re.findall(
        r"\w+",
        """
    Delete Float Int __contains__ __getitem__ __interpolate __upsample _assert_async _assert_scalar
    _convolution_mode _functional_assert_async _functional_assert_scalar _linalg_check_errors
    _linalg_eigh _linalg_svd _set_item _sparse_mm add any capitalize center clear conv1d conv2d
    conv3d copy count device dict div div_ divide divide_ einsum endswith eq expandtabs fft_fft
    fft_fft2 fft_fftn fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_ihfft2
    fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn find format ge gelu
    gelu_ gelu_backward get get_autocast_dtype gt index index_reduce index_reduce_ isalnum isalpha
    isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper items join
    keys le len linalg_cond linalg_eigh linalg_eigvalsh linalg_lstsq linalg_matrix_norm linalg_norm
    linalg_qr linalg_svd linalg_svdvals list ljust lower lstrip lt meshgrid nanquantile ne ord pad
    pad_sequence partition percentFormat pop popitem quantile remove replace rfind rindex rjust
    rpartition rsplit rstrip scatter scatter_ scatter_reduce scatter_reduce_ searchsorted
    segment_reduce setdefault slice sort sorted split splitlines startswith stft strip swapcase
    title update upper values warn zfill
    """,
    )
)
_PRIMITIVES = frozenset(
    re.findall(
        r"\w+",
        """
    CallFunction CallMethod Constant ConstantChunk CreateObject DictConstruct Enter EnumName
    EnumValue Exit GetAttr If ListConstruct ListUnpack Loop ModuleContainerIndex NumToTensor Print
    RaiseException SetAttr StringIndex TupleConstruct TupleIndex TupleSlice TupleUnpack
    Uninitialized abs data device dtype grad id index is_cpu is_cuda is_meta is_mkldnn is_mps
    is_nested is_quantized is_sparse is_sparse_csr is_xpu isinstance itemsize layout max min name
    nbytes rangelist requires_grad shape tolist type unchecked_cast unchecked_unwrap_optional
    """,
    )
)
