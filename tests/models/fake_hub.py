"""A hub on this machine that keeps what is pushed, and answers what the client asks."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

SHA = "1234567890" * 4


class FakeHub:
    """Files by repository."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.fails_with: int | None = None
        self.asked: list[str] = []


@contextmanager
def fake_hub():
    """Run a hub inside the block; yields it with its address."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_POST(self):
            path = urlparse(self.path).path
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self._failed():
                return
            if path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                hub.repos.setdefault(name, {})
                self._json({"url": f"{self._address()}/{name}", "name": name, "id": name})
            elif path == "/api/validate-yaml":
                self._json({"errors": [], "warnings": []})
            elif "/preupload/" in path:
                files = json.loads(body)["files"]
                modes = [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files
                ]
                self._json({"files": modes})
            else:
                self._commit(self._repo(path), body)

        def _commit(self, name, body):
            files = hub.repos[name]
            for line in body.decode().splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "deletedFile":
                    files.pop(value["path"], None)
            self._json(
                {"commitUrl": f"{self._address()}/{name}/commit/{SHA}", "commitOid": SHA, "success": True}
            )

        def do_GET(self):
            self._answer(head=False)

        def do_HEAD(self):
            self._answer(head=True)

        def _answer(self, *, head):
            path = unquote(urlparse(self.path).path)
            if self._failed():
                return
            if "/resolve/" in path:
                repo, _, rest = path.lstrip("/").partition("/resolve/")
                name = rest.partition("/")[2]
                hub.asked.append(name)
                self._file(hub.repos[repo][name], head=head)
                return
            files = hub.repos.get(self._repo(path))
            if files is None:
                self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            elif "/tree/" in path:
                sizes = {name: len(content) for name, content in files.items()}
                self._json(
                    [{"type": "file", "path": name, "size": size, "oid": SHA} for name, size in sizes.items()]
                )
            else:
                siblings = [{"rfilename": name} for name in files]
                known = {"id": self._repo(path), "private": False, "tags": []}
                self._json({**known, "sha": SHA, "siblings": siblings})

        def _address(self):
            return f"http://127.0.0.1:{self.server.server_port}"

        def _repo(self, path):
            return "/".join(path.split("/")[3:5])

        def _file(self, content, *, head):
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", SHA)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if not head:
                self.wfile.write(content)

        def _failed(self):
            if hub.fails_with is None:
                return False
            self._json({"error": "no"}, hub.fails_with)
            return True

        def _json(self, value, status=200, headers=()):
            content = json.dumps(value).encode()
            self.send_response(status)
            for name, text in dict(headers).items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
