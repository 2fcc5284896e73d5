"""`--all-families`: every family of the installed transformers instead of a sample."""

from __future__ import annotations

import pytest

from tests.models.families.record import SAMPLE, recorded


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-families", action="store_true", help="index every family of transformers (minutes)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "family" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-families", default=False)
        metafunc.parametrize("family", [*recorded("read"), *recorded("experts")] if every else SAMPLE)
