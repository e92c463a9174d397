"""A client of the Hugging Face hub: lists a repository's files and downloads them, with resuming.

The package huggingface_hub does not suffice. Since version 1 it discards a half-downloaded file
when the process ends, and LIBERO-Plus's archive has 6.4 GB. It decides at import whether it may use
the network, and it has no time limit for a first answer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gridseval.assets.declared import DeclaredFile
from gridseval.assets.sources import Source
from gridseval.errors import MachineError
from gridseval.hub_endpoint import DEFAULT_ENDPOINT, hub_endpoint

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 1 << 18
_ATTEMPTS = 5
_PASSING = (408, 429)  # request time-out, too many requests: worth another try
_TRUE = ("1", "ON", "YES", "TRUE")


class HubError(MachineError):
    """The hub cannot be reached, or its answer cannot be used."""


class HubRefusalError(HubError):
    """The hub refuses, and will refuse again."""


class PatienceError(HubError):
    """The hub did not answer, or did not send its files, in time."""


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit.

    Attributes:
        commit: Full hexadecimal hash.
        files: All files.
    """

    commit: str
    files: tuple[DeclaredFile, ...]


@dataclass(frozen=True)
class Hub:
    """A hub.

    Attributes:
        endpoint: Its address.
        connect_s: Seconds to wait for a connection.
        read_s: Seconds to wait for the next bytes.
        pause_s: Seconds before a broken transfer is resumed; doubled each time.
    """

    endpoint: str = DEFAULT_ENDPOINT
    connect_s: float = 10.0
    read_s: float = 30.0
    pause_s: float = 1.0

    def snapshot(self, source: Source) -> Snapshot:
        """Return what the hub declares about a source.

        Raises:
            HubError: It cannot be reached, has no such repository or revision, or declares
                nothing usable.
        """
        path = f"api/datasets/{source.repository}/revision/{quote(source.revision, safe='')}"
        with self._answer(f"{self.endpoint}/{path}?blobs=true") as answer:
            try:
                data = answer.json()
                files = tuple(_declared(entry) for entry in data["siblings"])
                return Snapshot(str(data["sha"]), files)
            except (ValueError, KeyError, TypeError) as error:
                raise HubError(
                    f"{self.endpoint} describes {source.repository} in a way that this version "
                    f"does not understand: {type(error).__name__}: {error}",
                    "is HF_ENDPOINT a Hugging Face hub?",
                ) from error

    def download(
        self,
        source: Source,
        commit: str,
        file: DeclaredFile,
        to: Path,
        on_bytes: Callable[[int], None],
    ) -> None:
        """Fetch a file, and continue where an earlier attempt or process stopped.

        Args:
            source: The repository.
            commit: Its commit.
            file: Which file.
            to: The file's path; while it is incomplete its name ends in ``.part``.
            on_bytes: Called with the number of bytes just received; negative if some must be
                fetched again. An exception from it ends the transfer.

        Raises:
            HubError: Five attempts failed. What was received is kept.
            OSError: The file cannot be written.
        """
        part = to.with_name(f"{to.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        url = f"{self.endpoint}/datasets/{source.repository}/resolve/{commit}/{quote(file.path)}"
        on_bytes(part.stat().st_size if part.exists() else 0)
        for attempt in range(_ATTEMPTS):
            on_bytes(0)  # the caller may end the transfer here
            try:
                self._append(url, file, part, on_bytes)
                break
            except HubRefusalError:
                raise
            except HubError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(self.pause_s * 2**attempt)
        part.replace(to)

    def _append(
        self, url: str, file: DeclaredFile, part: Path, on_bytes: Callable[[int], None]
    ) -> None:
        """Fetch what is missing from ``part``, until it has the declared size."""
        import requests

        have = part.stat().st_size if part.exists() else 0
        if have > file.size:
            part.unlink()
            on_bytes(-have)
            have = 0
        if have == file.size and part.exists():
            return
        wanted = {"Range": f"bytes={have}-"} if have else {}
        # No compression, so that byte positions are those of the file.
        headers = {"Accept-Encoding": "identity", **wanted}
        with self._answer(url, headers) as answer:
            on_bytes(0)
            if have and answer.status_code != requests.codes.partial_content:
                on_bytes(-have)
                have = 0
            with part.open("ab" if have else "wb") as target:
                for chunk in _chunks(answer):
                    on_bytes(
                        len(chunk)
                    )  # before writing, as another process may write there by now
                    target.write(chunk)
        got = part.stat().st_size
        if got != file.size:
            raise HubError(f"{file.path} came with {got} bytes instead of {file.size}")

    def _answer(self, url: str, headers: dict[str, str] | None = None) -> requests.Response:
        import requests

        try:
            answer = requests.get(
                url, headers=headers, stream=True, timeout=(self.connect_s, self.read_s)
            )
        except requests.RequestException as error:
            raise HubError(
                f"{self.endpoint} cannot be reached: {_reason(error)}",
                "check the network; HF_ENDPOINT names a mirror, HTTPS_PROXY a proxy",
            ) from error
        if not answer.ok:
            answer.close()
            final = 400 <= answer.status_code < 500 and answer.status_code not in _PASSING
            kind = HubRefusalError if final else HubError
            raise kind(f"{url.partition('?')[0]}: {answer.status_code} {answer.reason}")
        return answer


def chosen_hub() -> Hub | None:
    """Return the hub that the environment names; ``None`` if it forbids a hub.

    ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` mean what they mean to huggingface_hub.

    Raises:
        MachineError: ``HF_ENDPOINT`` is not an address.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return None
    return Hub(hub_endpoint())


def ask_quickly(hub: Hub, source: Source, patience_s: float) -> Snapshot:
    """Return what a hub declares, if it answers quickly.

    Raises:
        HubError: The hub does not answer, or not in time.
    """
    found: list[Snapshot | HubError] = []

    def ask() -> None:
        try:
            found.append(hub.snapshot(source))
        except HubError as error:
            found.append(error)

    # A thread, since looking up a name may hang for longer than any time-out of the connection.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience_s)
    if not found:
        raise PatienceError(f"{hub.endpoint} did not answer within {patience_s:g} s")
    if isinstance(found[0], HubError):
        raise found[0]
    return found[0]


def _chunks(answer: requests.Response) -> Any:
    import requests

    # Keep what came before the end; the declared size tells whether that is all.
    answer.raw.enforce_content_length = False
    try:
        yield from answer.iter_content(_CHUNK_BYTES)
    except requests.RequestException as error:
        raise HubError(f"the transfer broke off: {_reason(error)}") from error


def _declared(entry: Any) -> DeclaredFile:
    large = entry.get("lfs")
    if large:
        return DeclaredFile(entry["rfilename"], int(large["size"]), "sha256", large["sha256"])
    return DeclaredFile(entry["rfilename"], int(entry["size"]), "git", entry["blobId"])


def _reason(error: BaseException) -> str:
    """Return the innermost reason: requests wraps three libraries' errors around it."""
    inner = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return str(getattr(inner, "strerror", None) or inner) or type(inner).__name__
