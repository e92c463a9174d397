"""Which camera each image feature of a LeRobot checkpoint is, by names or by the user's choice.

LeRobot's LIBERO environment calls its cameras ``image`` and ``image2``; the datasets and base
models that people start from call them otherwise, and many models have more image inputs than
LIBERO has cameras. A wrong guess costs half the success rate without an error, so only names that
leave no doubt are taken; all others are refused, with the argument that tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gridseval.errors import PolicyError, did_you_mean

CAMERAS = ("agentview", "wrist")


@dataclass(frozen=True)
class CameraFeatures:
    """What a checkpoint's image features are.

    Attributes:
        cameras: Image feature to ``"agentview"`` or ``"wrist"``, in the model's order.
        sources: The same features to the key under which a batch brings them: the feature's own
            name, or what the checkpoint renames to it.
        unfilled: Image features that no camera of LIBERO fills.
    """

    cameras: Mapping[str, str]
    sources: Mapping[str, str]
    unfilled: tuple[str, ...] = ()

    def described(self) -> str:
        """Return them as one line for people."""
        words = []
        for feature, camera in self.cameras.items():
            source = self.sources[feature]
            renamed = "" if source == feature else f" (renamed from {_short(source)})"
            words.append(f"{_short(feature)} is {camera}{renamed}")
        if self.unfilled:
            words.append(f"unfilled: {', '.join(map(_short, self.unfilled))}")
        return "; ".join(words)


def find_cameras(
    features: Sequence[str], renamed: Mapping[str, str], given: str | None
) -> CameraFeatures:
    """Return which cameras a checkpoint's image features are.

    Args:
        features: Its image features, in its order, such as ``observation.images.image``.
        renamed: What its preprocessor renames, old name to new: the saved
            ``rename_observations_processor``. What a feature was called in the data it was trained
            on tells more than what the model calls it.
        given: The user's word: ``feature=agentview,feature=wrist``; a feature that is not named, or
            is ``none``, stays unfilled. ``None`` tells by the names.

    Raises:
        PolicyError: The names leave a doubt, or ``given`` does not fit.
    """
    reached = {feature: _sources(feature, renamed) for feature in features}
    # What is renamed away, with nothing renamed to it, no batch can bring.
    sources = {feature: names for feature, names in reached.items() if names}
    told = _told_by_names(sources) if given is None else _parsed(given, sources)
    cameras = {f: camera for f in features if (camera := told.get(f)) is not None}
    roles = list(cameras.values())
    untold = () if given is not None else [f for f in sources if f not in told]
    in_doubt = {*untold, *(f for f, camera in cameras.items() if roles.count(camera) > 1)}
    if features and not cameras and not in_doubt:
        in_doubt = set(sources)
    if in_doubt:
        raise _doubt(features, [f for f in features if f in in_doubt], cameras)
    return CameraFeatures(
        cameras=cameras,
        sources={feature: sources[feature][0] for feature in cameras},
        unfilled=tuple(feature for feature in features if feature not in cameras),
    )


def _sources(feature: str, renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys that become a feature, the most telling first; the feature's own at last."""
    old = tuple(name for name, new in renamed.items() if new == feature and name != feature)
    own = () if renamed.get(feature, feature) != feature else (feature,)
    return (*old, *own)


class _Meaning(NamedTuple):
    """What a name says.

    Attributes:
        role: ``agentview``, ``wrist``, ``right_wrist``, ``empty``, ``more`` (a further view that
            LIBERO lacks), ``numbered`` or ``unknown``.
        stem: Of a numbered name, what is before the number.
        number: Of a numbered name.
    """

    role: str
    stem: str = ""
    number: int = 0


_OUTSIDE = re.compile(
    r"(^|_)(agent_?view|front|top|overhead|third|exterior|external|scene|static|primary|base|main|"
    r"high)(_|$)"
)
_AT_HAND = re.compile(r"(^|_)(wrist|hand|in_?hand|eye_?in_?hand|gripper)(_|\d|$)")
_NUMBERED = re.compile(r"(?P<stem>(?:.*_)?(?:image|img|camera|cam|view|rgb))_?(?P<number>\d+)")
_BASE = re.compile(r"base_(?P<number>\d+)_rgb")
_LEROBOT = {"image": "agentview", "image2": "wrist"}
"""What LeRobot's own LIBERO environment calls its cameras."""


def _meaning(name: str) -> _Meaning:
    last = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _short(name))  # eyeInHand
    last = re.sub(r"[^a-z0-9]+", "_", last.lower()).removesuffix("_image")
    if last.startswith("empty_camera"):
        return _Meaning("empty")
    if last in _LEROBOT:
        return _Meaning(_LEROBOT[last])
    if _AT_HAND.search(last):
        return _Meaning("right_wrist" if re.search(r"(^|_)right(_|$)", last) else "wrist")
    if base := _BASE.fullmatch(last):
        return _Meaning("agentview" if base["number"] == "0" else "more")
    if _OUTSIDE.search(last):
        return _Meaning("agentview")
    if numbered := _NUMBERED.fullmatch(last):
        return _Meaning("numbered", numbered["stem"], int(numbered["number"]))
    return _Meaning("unknown")


def _told_by_names(sources: Mapping[str, tuple[str, ...]]) -> dict[str, str | None]:
    """Return each feature's camera, ``None`` for those that stay unfilled; not those in doubt."""
    meanings = {feature: _most_telling(names) for feature, names in sources.items()}
    told: dict[str, str | None] = {}
    for feature, meaning in meanings.items():
        if meaning.role in CAMERAS:
            told[feature] = meaning.role
        elif meaning.role == "empty":
            told[feature] = None
    for feature, meaning in meanings.items():
        if meaning.role == "numbered":
            told |= _numbered(feature, meaning, meanings)
    filled = set(told.values())
    for feature, meaning in meanings.items():
        needed = {"right_wrist": "wrist", "more": "agentview"}.get(meaning.role)
        if needed is not None and needed in filled:
            told[feature] = None
    return told


def _most_telling(names: Sequence[str]) -> _Meaning:
    meanings = [_meaning(name) for name in names]
    sure = [meaning for meaning in meanings if meaning.role not in ("unknown", "numbered")]
    if sure:
        return sure[0]
    numbered = {meaning for meaning in meanings if meaning.role == "numbered"}
    # A "camera2" that becomes the model's "camera1" says nothing.
    return next(iter(numbered)) if len(numbered) == 1 else _Meaning("unknown")


def _numbered(
    feature: str,
    meaning: _Meaning,
    meanings: Mapping[str, _Meaning],
) -> dict[str, str | None]:
    """Return what a numbered feature is, or nothing where its number alone does not tell.

    ``camera1``, ``camera2``, … mean agentview, wrist, and what LIBERO lacks, but only in company: a
    lone ``camera2`` may be either.
    """
    others = [m for name, m in meanings.items() if name != feature]
    numbers = {m.number for m in others if m.role == "numbered" and m.stem == meaning.stem}
    first = 1 in numbers or any(m.role == "agentview" for m in others)
    second = 2 in numbers or any(m.role == "wrist" for m in others)
    if meaning.number == 1 and second:
        return {feature: "agentview"}
    if meaning.number == 2 and 1 in numbers:
        return {feature: "wrist"}
    return {feature: None} if meaning.number >= 3 and first and second else {}


def _parsed(text: str, sources: Mapping[str, tuple[str, ...]]) -> dict[str, str | None]:
    """Return the user's word, by full name or by its last part."""
    names: dict[str, str] = {}
    for feature, olds in sources.items():
        names |= {word: feature for old in olds for word in (old, _short(old))}
    names |= {word: feature for feature in sources for word in (feature, _short(feature))}
    told: dict[str, str | None] = {}
    for pair in text.split(","):
        name, _, camera = (part.strip() for part in pair.partition("="))
        if name not in names:
            raise PolicyError(
                f"cameras: the checkpoint has no image feature {name!r}",
                did_you_mean(name, tuple(sources)),
            )
        if camera not in (*CAMERAS, "none"):
            raise PolicyError(f"cameras: {camera!r} is neither agentview, wrist nor none")
        told[names[name]] = None if camera == "none" else camera
    return told


def _short(feature: str) -> str:
    return feature.removeprefix("observation.images.").rpartition(".")[2]


def _doubt(
    features: Sequence[str], which: Sequence[str], cameras: Mapping[str, str]
) -> PolicyError:
    """Return the refusal, with an argument to complete: nothing in doubt is proposed.

    Args:
        features: All image features.
        which: Those in doubt.
        cameras: What names say of some; the others stay unfilled.
    """
    sure = {feature: camera for feature, camera in cameras.items() if feature not in which}
    free = [camera for camera in CAMERAS if camera not in sure.values()]
    choices = "|".join(free if len(sure) + len(which) == 1 else (*free, "none"))
    words = [
        f"{_short(feature)}={sure.get(feature, choices)}"
        for feature in features
        if feature in sure or feature in which
    ]
    listed, doubtful = ", ".join(features), ", ".join(map(_short, which))
    return PolicyError(
        f"cannot tell which cameras the image features {listed} are (in doubt: {doubtful})",
        f"say so, one choice for each: --policy-arg cameras={','.join(words)}",
    )
