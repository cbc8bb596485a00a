"""A stand-in for the hub and for GitHub's raw files: the same paths and headers, on this machine.

Large files are answered with a redirect to a second port, as the hub does. Faults are set by path.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class StandIn:
    """What is served, and what goes wrong.

    Attributes:
        files: "owner/name" -> revision -> path -> bytes.
        newest: "owner/name" -> revision that "main" is.
        large: paths that are answered with a redirect, as files in large storage are.
        faults: "GET path" or "HEAD path" -> (kind, how often; -1 for ever). Kinds: "busy" (429),
            "broken" (500), "cut" (half of the bytes, then the connection ends), "flipped" (one
            byte differs).
        asked: (method, path) -> how often it was asked for.
        ranges: values of the Range header, in order.
        logins: (method, path) -> the Authorization header of the last request.
    """

    files: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    faults: dict[str, tuple[str, int]] = field(default_factory=dict)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    logins: dict[tuple[str, str], str | None] = field(default_factory=dict)
    endpoint: str = ""
    storage: str = ""

    def add(self, repository: str, revision: str, files: dict[str, bytes]) -> None:
        """Serve files at a revision, which becomes the newest one."""
        self.files.setdefault(repository, {})[revision] = files
        self.newest[repository] = revision

    def fault(self, path: str) -> str:
        """The fault of this request, counted down."""
        kind, times = self.faults.get(path, ("", 0))
        if times == 0:
            return ""
        self.faults[path] = (kind, times - 1 if times > 0 else times)
        return kind


@contextlib.contextmanager
def hub_stand_in() -> Iterator[StandIn]:
    """A running stand-in on two ports of this machine."""
    stand_in = StandIn()
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
    stand_in.endpoint, stand_in.storage = (
        f"http://127.0.0.1:{server.server_address[1]}" for server in servers
    )
    threads = [threading.Thread(target=each.serve_forever, daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield stand_in
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] in (["api", "datasets"], ["api", "models"]):
            self._api("/".join(parts[2:4]), parts[4:])
        elif parts[0] == "datasets" and parts[3] == "resolve":
            self._file("/".join(parts[1:3]), parts[4], "/".join(parts[5:]), hub=True)
        elif parts[2:3] == ["resolve"]:  # of a model
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]), hub=True)
        elif parts[0] == "storage":
            self._file("/".join(parts[1:3]), parts[3], "/".join(parts[4:]), hub=False)
        elif parts[2:3] == ["raw"]:
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]), hub=False)
        else:
            self._send(404, b"")

    def _api(self, repository: str, rest: list[str]) -> None:
        revisions = self.stand_in.files.get(repository)
        self.stand_in.asked["api", repository] += 1
        if self.stand_in.fault(f"api/{repository}") == "busy":
            return self._send(429, b"", {"Retry-After": "0"})
        if revisions is None:
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        asked = rest[1] if len(rest) > 1 else "main"
        revision = self.stand_in.newest[repository] if asked == "main" else asked
        if revision not in revisions:
            return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        files = revisions[revision]
        if rest[:1] != ["tree"]:
            body = {
                "id": repository,
                "sha": revision,
                "siblings": [{"rfilename": path, "size": len(files[path])} for path in files],
            }
            return self._send(200, json.dumps(body).encode())
        prefix = "/".join(rest[2:])
        below = {p: b for p, b in files.items() if not prefix or p.startswith(f"{prefix}/")}
        if not below:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        entries: list[dict[str, object]] = [
            {"type": "directory", "path": prefix or "x", "oid": "0"}
        ]
        entries += [
            {"type": "file", "path": path, "size": len(data), "oid": _git_id(data)}
            for path, data in below.items()
        ]
        return self._send(200, json.dumps(entries).encode())

    def _file(self, repository: str, revision: str, path: str, hub: bool) -> None:
        self.stand_in.asked[self.command, path] += 1
        self.stand_in.logins[self.command, path] = self.headers.get("Authorization")
        revisions = self.stand_in.files.get(repository)
        if revision == "main":
            revision = self.stand_in.newest.get(repository, revision)
        if revisions is None or revision not in revisions or path not in revisions[revision]:
            code = "EntryNotFound" if revisions and revision in revisions else "RevisionNotFound"
            code = code if revisions else "RepoNotFound"
            return self._send(404, b"", {"X-Error-Code": code} if hub else {})
        data = revisions[revision][path]
        headers = {"X-Repo-Commit": revision, "ETag": f'"{_git_id(data)}"'} if hub else {}
        if hub and path in self.stand_in.large:
            headers |= {
                "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Linked-Size": str(len(data)),
                "Location": f"{self.stand_in.storage}/storage/{repository}/{revision}/{path}",
            }
            return self._send(302, b"", headers)  # a fault is the storage's
        fault = self.stand_in.fault(f"{self.command} {path}")
        if fault in ("busy", "broken"):
            return self._send({"busy": 429, "broken": 500}[fault], b"", {"Retry-After": "0"})
        if fault == "flipped":
            data = bytes([data[0] ^ 1]) + data[1:]
        return self._send_part(data, headers, cut=fault == "cut")

    def _send_part(self, data: bytes, headers: dict[str, str], cut: bool) -> None:
        status, wanted = 200, self.headers.get("Range")
        if wanted and wanted.startswith("bytes=") and self.command == "GET":
            self.stand_in.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(data):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            headers = headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            status, data = 206, data[start:]
        self._send(status, data, headers, cut)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.close_connection = True


def _git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def hub_environment(stand_in: StandIn, cache: Path) -> dict[str, str]:
    """What a new process needs to take the stand-in for the hub, with nothing in its cache."""
    return {
        "HF_ENDPOINT": stand_in.endpoint,
        "HBT_GITHUB_ENDPOINT": stand_in.endpoint,
        "HF_HOME": str(cache / "hf"),
        "HBT_CACHE_DIR": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",  # whatever was set around the tests: the stand-in is on this machine
        "TRANSFORMERS_OFFLINE": "0",
    }
