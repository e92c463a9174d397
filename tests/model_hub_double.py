"""A server that answers about models as the Hugging Face hub does, for the real huggingface_hub."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from web_server import WebServer

COMMIT = "5d7f6e0a1b2c3d4e5f60718293a4b5c6d7e8f901"
OTHER = "00112233445566778899aabbccddeeff00112233"


@dataclass
class ModelHubDouble:
    """A hub with one model repository.

    Attributes:
        files: What it holds.
        repository: Its id.
        revisions: Branches and tags with their commits.
        refusal: Status and ``X-Error-Code`` of every answer, e.g. (401, "GatedRepo").
        file_refusal: The same, of files' contents only.
        broken: Files whose content cannot be had.
        downloaded: Names of files whose content was sent.
    """

    files: dict[str, bytes]
    repository: str = "someone/Tiny-VLA"
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    refusal: tuple[int, str] | None = None
    file_refusal: tuple[int, str] | None = None
    broken: set[str] = field(default_factory=set)
    downloaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = WebServer(_handler(self))

    @property
    def endpoint(self) -> str:
        return self._server.endpoint

    def close(self) -> None:
        self._server.close()

    def commit(self, revision: str) -> str | None:
        return revision if revision in self.revisions.values() else self.revisions.get(revision)

    def entry(self, name: str) -> dict[str, Any]:
        data = self.files[name]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        return {"type": "file", "path": name, "oid": blob, "size": len(data)}


def _handler(hub: ModelHubDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            api, files = f"/api/models/{hub.repository}", f"/{hub.repository}/resolve/"
            if hub.refusal is not None:
                self.answer(hub.refusal[0], b"", {"X-Error-Code": hub.refusal[1]})
            elif path == api or path.startswith(f"{api}/revision/"):
                self.model(path.partition("/revision/")[2] or "main")
            elif path.startswith(f"{api}/tree/"):
                entries = [hub.entry(name) for name in hub.files]
                self.answer(200, json.dumps(entries).encode())
            elif path.startswith(files):
                self.content(*path.removeprefix(files).split("/", 1))
            else:
                self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})

        def model(self, revision: str) -> None:
            commit = hub.commit(revision)
            if commit is None:
                self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
                return
            siblings = [{"rfilename": name} for name in hub.files]
            told = {"id": hub.repository, "sha": commit, "siblings": siblings}
            self.answer(200, json.dumps(told).encode())

        def content(self, revision: str, name: str) -> None:
            commit = hub.commit(revision)
            if name in hub.broken:
                self.answer(403, b"")
            elif hub.file_refusal is not None:
                self.answer(hub.file_refusal[0], b"", {"X-Error-Code": hub.file_refusal[1]})
            elif commit is None or name not in hub.files:
                self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            else:
                etag = hub.entry(name)["oid"]
                if self.command == "GET":
                    hub.downloaded.append(name)
                self.answer(200, hub.files[name], {"ETag": f'"{etag}"', "X-Repo-Commit": commit})

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
