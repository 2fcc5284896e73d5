"""What names an index on a server: https://HOST/PATH, or hf://datasets/OWNER/REPO/FILE[@REVISION]."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

from ...errors import GluscopeError

_HUB = "https://huggingface.co"
_HUB_FILE = re.compile(r"hf://datasets/([^/\s@]+/[^/\s@]+)/([^\s@]+?)(?:@([^\s@]+))?")
_EXAMPLE = "write hf://datasets/OWNER/REPO/FILE.db, or https://HOST/FILE.db"


def is_remote(name: object) -> bool:
    """Whether an index's name is an address, and not a path."""
    return isinstance(name, str) and re.match(r"[a-z][a-z0-9+.-]*://", name, re.IGNORECASE) is not None


def shown(name: str) -> str:
    """The name of a file without what may be secret in it: the query of its address."""
    return re.sub(r"\?.*", "?...", name, flags=re.DOTALL) if is_remote(name) else name


def is_plain(name: str) -> bool:
    """Whether an address is read without encryption over a network."""
    return is_remote(name) and find_place(name).is_plain


def absolute(name: str) -> str:
    """The name of an index for a process elsewhere: an absolute path, or the address as it is."""
    return name if is_remote(name) else os.path.abspath(name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is. `name`: as the user wrote it; messages have `shown`."""

    name: str
    url: str
    token: str = field(default="", repr=False)  # sent to the host of `url`, and to no other
    on_hub: bool = False

    @property
    def shown(self) -> str:
        return shown(self.name)

    @property
    def is_plain(self) -> bool:
        """Whether everybody on the way can read and change what is sent."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def find_place(name: str) -> Place:
    """Where the file of a name is. GluscopeError if the name can't be an address."""
    if name.lower().startswith("hf://"):
        return _on_hub(name)
    try:
        parts = urlsplit(name)
        valid = bool(parts.hostname) and parts.port != 0 and len(parts.path) > 1
    except ValueError:
        valid = False
    scheme = name.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise GluscopeError(f"{scheme}:// is not read", "write its path" if scheme == "file" else _EXAMPLE)
    if not valid or re.search(r"[\s\x00-\x1f\x7f]", name):
        raise GluscopeError(f"{shown(name)!a} is not an address of a file", _EXAMPLE)
    if parts.username is not None:
        raise GluscopeError("an address with a user name or a password is not taken", "leave out what is before the @")
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    url = f"{parts.scheme.lower()}://{host}{path}" + (
        f"?{quote(parts.query, safe='/%?=&+,;:@~')}" if parts.query else ""
    )
    return Place(name, url)


def _on_hub(name: str) -> Place:
    """A file of a data set on the Hugging Face hub, with huggingface_hub's settings in the environment."""
    found = _HUB_FILE.fullmatch(name)
    if found is None or ".." in found[2].split("/"):
        raise GluscopeError(f"{name!a} is not a file of a data set on the hub", _EXAMPLE)
    repository, file, revision = found[1], found[2], found[3] or "main"
    endpoint = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    if urlsplit(endpoint).scheme not in ("http", "https"):
        raise GluscopeError(f"HF_ENDPOINT is {endpoint!a}", f"set it to an address such as {_HUB}")
    url = f"{endpoint}/datasets/{repository}/resolve/{quote(revision, safe='')}/{quote(file)}"
    return Place(name, url, _hub_token(), on_hub=True)


def downloaded(place: Place) -> str:
    """The path of the whole file in the hub's own cache, if it was downloaded before; "" otherwise."""
    found = _HUB_FILE.fullmatch(place.name)
    if not place.on_hub or found is None:
        return ""
    revision = found[3] or "main"
    folder = _hub_cache() / f"datasets--{found[1].replace('/', '--')}"
    try:
        commit = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = revision
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        return ""
    path = folder / "snapshots" / commit / found[2]
    # a branch may have moved on since: only a commit, or working offline, makes the copy the file that is meant
    return str(path) if path.is_file() and (commit == revision or is_offline()) else ""


def is_offline() -> bool:
    """Whether the hub's settings forbid requests."""
    return (os.environ.get("HF_HUB_OFFLINE") or "").upper() in ("1", "ON", "YES", "TRUE")


def _hub_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{cache}/huggingface").expanduser()


def _hub_cache() -> Path:
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(named).expanduser() if named else _hub_home() / "hub"


def _hub_token() -> str:
    """The token of $HF_TOKEN or of `hf auth login`; "" without one."""
    token = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    if not token:
        path = os.environ.get("HF_TOKEN_PATH")
        try:
            token = (Path(path).expanduser() if path else _hub_home() / "token").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""
    token = "".join(token.split())
    return token if token.isascii() and token.isprintable() else ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
