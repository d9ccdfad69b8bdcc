"""A small Hugging Face Hub on the loopback interface: keeps repositories in memory, or answers with an error."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "hf_" + "t" * 34


@dataclass
class Repository:
    """A dataset or model repository."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class FakeHub:
    """State of the server.

    Attributes:
        repositories: By `user/name`; of models by `models/user/name`.
        refusals: Status and message for requests whose `METHOD path` begins with the key.
        requests: What was asked, as `METHOD path`.
        url: Address of the server.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve until the block ends."""
    hub = FakeHub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_HEAD(self) -> None:
        self._handle("HEAD")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        request = f"{method} {path}"
        self.state.requests.append(request)
        for prefix, (status, message) in self.state.refusals.items():
            if request.startswith(prefix):
                self._answer(status, {"error": message, "url": f"{self.state.url}/datasets/me/people"})
                return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": "Invalid username or password."})
        elif path == "/api/whoami-v2":
            self._answer(200, {"type": "user", "name": "me", "auth": {"type": "access_token"}})
        elif path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path.startswith("/datasets/"):
            self._download(path.removeprefix("/datasets/").split("/"), send=method == "GET")
        elif path.startswith("/api/datasets/"):
            self._repository(path.removeprefix("/api/datasets/").split("/"), body, model=False)
        elif path.startswith("/api/models/"):
            self._repository(path.removeprefix("/api/models/").split("/"), body, model=True)
        else:
            self._answer(404, {"error": f"Not Found: {self.path}"})

    def _create(self, wanted: dict[str, Any]) -> None:
        name, kind = f"{wanted['organization']}/{wanted['name']}", wanted.get("type", "model")
        address = {"url": f"{self.state.url}/{'' if kind == 'model' else 'datasets/'}{name}"}
        key = f"models/{name}" if kind == "model" else name
        if kind not in ("dataset", "model") or key in self.state.repositories:
            self._answer(409, {"error": f"You already created this {kind} repo", **address})
            return
        self.state.repositories[key] = Repository(wanted.get("visibility") == "private", {".gitattributes": b""})
        self._answer(200, address)

    def _download(self, parts: list[str], *, send: bool) -> None:
        repository = self.state.repositories.get("/".join(parts[:2]))
        content = None if repository is None else repository.files.get("/".join(parts[4:]))
        if content is None:
            self._answer(404, {"error": "Not Found"}, {"X-Error-Code": "EntryNotFound"})
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if send:
            self.wfile.write(content)

    def _repository(self, parts: list[str], body: bytes, *, model: bool) -> None:
        name, what = "/".join(parts[:2]), parts[2] if len(parts) > 2 else "info"
        repository = self.state.repositories.get(f"models/{name}" if model else name)
        if repository is None:
            self._answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif what in ("info", "revision"):
            siblings = [{"rfilename": file} for file in sorted(repository.files)]
            info = {"id": name, "_id": "1", "sha": "0" * 40, "private": repository.private, "siblings": siblings}
            self._answer(200, {**info, "tags": [], "downloads": 0, "likes": 0, "gated": False, "disabled": False})
        elif what == "tree":
            files = [
                {"type": "file", "path": file, "size": len(content), "oid": "1"}
                for file, content in sorted(repository.files.items())
            ]
            self._answer(200, files)
        elif what == "preupload":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for file in json.loads(body)["files"]
            ]
            self._answer(200, {"files": files})
        elif what == "commit":
            self._commit(name if model else f"datasets/{name}", repository, body)
        else:
            self._answer(404, {"error": f"Not Found: {self.path}"})

    def _commit(self, name: str, repository: Repository, body: bytes) -> None:
        for line in body.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                repository.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "deletedFile":
                del repository.files[entry["value"]["path"]]
        address = f"{self.state.url}/{name}/commit/{'1' * 40}"
        self._answer(200, {"commitUrl": address, "commitOid": "1" * 40, "hookOutput": "", "success": True})

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.end_headers()
        self.wfile.write(content)
