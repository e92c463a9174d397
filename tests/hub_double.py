"""A server that answers as the Hugging Face hub does, and can be made to fail as it may."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from web_server import WebServer

COMMIT = "0b3ea86be5fe169d0fd036ae63d1070ec09e90f6"
_STORED_APART = (".png", ".zip")

FILES = {
    "articulated_objects/stove.xml": b"<mujoco model='stove'/>",
    "scenes/table.xml": b"<mujoco/>",
    "stable_hope_objects/soup/soup.xml": b"<mujoco model='soup'/>",
    "stable_hope_objects/soup/label.png": b"\x89PNG" + bytes(range(256)) * 400,
    "stable_scanned_objects/bowl/bowl.obj": b"v 0 0 0\n" * 1000,
    "README.md": b"LIBERO's models",
    ".gitattributes": b"*.png filter=lfs",
}
LARGE = "stable_hope_objects/soup/label.png"


@dataclass
class HubDouble:
    """A hub with one repository.

    Attributes:
        files: What is sent.
        declared: What the API says they are, if something else.
        commit: Of the repository.
        breaks: Path to how many bytes are sent of it before the connection is cut, once each.
        silent: Set: the API does not answer until it is cleared.
        stuck: Files of which the first half is sent, and then nothing until the end.
        ignores_ranges: Whether every file is sent from its start.
        asked: Every request: path and the header ``Range``.
    """

    files: dict[str, bytes]
    declared: dict[str, bytes] = field(default_factory=dict)
    repository: str = "lerobot/libero-assets"
    commit: str = COMMIT
    breaks: dict[str, int] = field(default_factory=dict)
    always_breaks: bool = False
    silent: threading.Event = field(default_factory=threading.Event)
    stuck: set[str] = field(default_factory=set)
    answers: threading.Event = field(default_factory=threading.Event)
    ignores_ranges: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    status: int = 200

    def __post_init__(self) -> None:
        self._server = WebServer(_handler(self))

    @property
    def endpoint(self) -> str:
        return self._server.endpoint

    def close(self) -> None:
        self.answers.set()
        self._server.close()

    def transfers(self, path: str) -> list[str | None]:
        """Return the header Range of each transfer of a file's content."""
        return [header for asked, header in self.asked if asked == f"/cdn/{path}"]

    def api(self) -> dict[str, Any]:
        """Return what the API declares."""
        contents = {**self.files, **self.declared}
        return {
            "id": self.repository,
            "sha": self.commit,
            "siblings": [_entry(path, data) for path, data in contents.items()],
        }


def _entry(path: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": blob}
    if path.endswith(_STORED_APART):
        pointer = hashlib.sha1(b"a pointer, not the content").hexdigest()
        lfs = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        entry |= {"blobId": pointer, "lfs": lfs}
    return entry


def _handler(hub: HubDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            hub.asked.append((path, self.headers["Range"]))
            if hub.silent.is_set():
                hub.answers.wait(60)
                return
            if hub.status != 200:
                self.answer(hub.status, {}, b"")
            elif path == f"/api/datasets/{hub.repository}/revision/{hub.commit}":
                self.answer(200, {}, json.dumps(hub.api()).encode())
            elif path.startswith(f"/datasets/{hub.repository}/resolve/{hub.commit}/"):
                name = path.partition(f"/{hub.commit}/")[2]
                # The hub sends large files' readers to a content network.
                headers = {"Location": f"{hub.endpoint}/cdn/{name}", "X-Repo-Commit": hub.commit}
                self.answer(302, headers, b"")
            elif path.removeprefix("/cdn/") in hub.files:
                self.content(path.removeprefix("/cdn/"))
            else:
                self.answer(404, {"X-Error-Code": "RepoNotFound"}, b"")

        def content(self, name: str) -> None:
            data, start = hub.files[name], 0
            wanted = self.headers["Range"]
            if wanted and not hub.ignores_ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            cut = hub.breaks.get(name) if hub.always_breaks else hub.breaks.pop(name, None)
            self.answer(206 if start else 200, {"ETag": '"x"'}, data[start:], cut)

        def answer(
            self, status: int, headers: Mapping[str, str], body: bytes, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.path.removeprefix("/cdn/") in hub.stuck:
                self.wfile.write(body[: len(body) // 2])
                hub.answers.wait(60)
                cut = 0
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

    return Handler
