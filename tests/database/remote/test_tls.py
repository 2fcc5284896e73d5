"""Addresses that begin with https are read from a server that proves its name, and from no other."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

import indexer
from indexer.errors import GluscopeError
from tests.support.range_server import RangeServer, serving


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def secure(file: Path, authority: trustme.CA) -> Iterator[RangeServer]:
    with serving(file, certified(authority, "127.0.0.1")) as server:
        yield server


def test_an_index_is_read_with_encryption(secure: RangeServer, file: Path) -> None:
    assert secure.url().startswith("https://")
    with indexer.open(secure.url()) as there, indexer.open(file) as here:
        assert there.neuron("L1N3", sample=True) == here.neuron("L1N3", sample=True)
    assert secure.requests


@pytest.mark.parametrize("case", ["another authority", "another name"])
def test_a_server_that_does_not_prove_its_name_is_not_read(case: str, file: Path, authority: trustme.CA) -> None:
    own = trustme.CA() if case == "another authority" else authority
    name = "example.org" if case == "another name" else "127.0.0.1"
    with serving(file, certified(own, name)) as server, pytest.raises(GluscopeError) as raised:
        indexer.open(server.url())
    assert "its certificate is not valid" in raised.value.cause
    assert "SSL_CERT_FILE" in raised.value.fix
    assert not server.requests


def test_a_redirect_never_leaves_encryption(secure: RangeServer, server: RangeServer) -> None:
    secure.behaviour.redirect = server.origin
    with pytest.raises(GluscopeError, match="an address without encryption"):
        indexer.open(secure.url())
    assert not server.requests


def test_a_redirect_may_begin_encryption(secure: RangeServer, server: RangeServer, file: Path) -> None:
    server.behaviour.redirect = secure.origin
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        assert there.neuron("L0N2") == here.neuron("L0N2")
