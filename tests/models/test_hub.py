"""Loading a model by its id from a hub: a small one that the test serves itself, and none at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from indexer.models.load import load
from tests.support.tiny_models import save_tiny

COMMIT = "0123456789" * 4

SCRIPT = """
import json, sys
from indexer.errors import GluscopeError
from indexer.models.load import load
for model, revision in json.loads(sys.argv[1]):
    try:
        loaded = load(model, revision=revision)
        print(json.dumps([loaded.name, loaded.revision, loaded.fingerprint]))
    except GluscopeError as error:
        print(json.dumps([error.cause, error.fix]))
"""


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's protocol that answers for single files: org/tiny is there, org/gated is gated."""

    folder: Path

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, body: bool) -> None:
        owner, name, _, revision, *path = [*self.path.split("?")[0].strip("/").split("/"), "", "", ""][:5]
        file = self.folder / "/".join(path)
        if owner == "api":
            self.send(404, {"X-Error-Code": "EntryNotFound"}, b"{}", body)
        elif (owner, name) == ("org", "gated"):
            self.send(403, {"X-Error-Code": "GatedRepo"}, b"{}", body)
        elif (owner, name) != ("org", "tiny"):
            self.send(404, {"X-Error-Code": "RepoNotFound"}, b"{}", body)
        elif revision not in ("main", COMMIT):
            self.send(404, {"X-Error-Code": "RevisionNotFound"}, b"{}", body)
        elif not path or not file.is_file():
            self.send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b"{}", body)
        else:
            content = file.read_bytes()
            etag = hashlib.sha256(content).hexdigest()
            self.send(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, content, body)

    def send(self, code: int, headers: dict[str, str], content: bytes, body: bool) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of a hub that serves a tiny model as org/tiny."""
    handler = type("TinyHub", (Hub,), {"folder": save_tiny(tmp_path / "tiny", "llama")})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def load_from(endpoint: str, cache: Path, *models: tuple[str, str | None]) -> list[list[str | None]]:
    """The result of loading in a process of its own (the hub's address is read once), or cause and fix."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "NO_PROXY": "127.0.0.1"}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(models)],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_model_of_the_hub_is_pinned_to_its_commit_and_kept_for_when_the_hub_is_away(hub: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    expected = ["org/tiny", COMMIT, load(str(tmp_path / "tiny")).fingerprint]
    assert load_from(hub, cache, ("org/tiny", None), ("org/tiny", COMMIT)) == [expected, expected]
    nowhere = "http://127.0.0.1:9"
    found, (cause, fix) = load_from(nowhere, cache, ("org/tiny", None), ("org/other", None))
    assert found == expected
    assert cause == "there is no file or folder org/other, and the Hugging Face hub can't be reached"
    assert "local folder" in str(fix)


@pytest.mark.slow
def test_what_the_hub_does_not_give_is_said_in_plain_words(hub: str, tmp_path: Path) -> None:
    wrong = [("org/none", None), ("org/gated", None), ("org/tiny", "v9")]
    (none, _), (gated, login), (revision, option) = load_from(hub, tmp_path / "cache", *wrong)
    assert str(none).startswith("there is no file or folder org/none, and no model of that id on the Hugging Face hub")
    assert gated == "org/gated is gated on the Hugging Face hub"
    assert "log in" in str(login)
    assert revision == "org/tiny has no revision v9 on the Hugging Face hub"
    assert "--revision" in str(option)


@pytest.mark.slow
def test_a_model_of_the_hub_with_nothing_but_a_pickle_is_refused(hub: str, tmp_path: Path) -> None:
    (tmp_path / "tiny" / "model.safetensors").rename(tmp_path / "tiny" / "pytorch_model.bin")
    ((cause, fix),) = load_from(hub, tmp_path / "cache", ("org/tiny", None))
    assert str(cause).startswith("the weights of org/tiny can't be loaded")
    assert "pickles" in str(fix)
