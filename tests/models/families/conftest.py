"""`--all-families`: every family of the installed transformers instead of a sample."""

from __future__ import annotations

import pytest

from tests.models.families.record import LEFT, SAMPLE, recorded


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-families", action="store_true", help="index every family of transformers (minutes)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("--all-families", default=False)
    if "left" in metafunc.fixturenames:
        metafunc.parametrize("left", [*recorded("refused"), *recorded("through")] if every else LEFT)
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", [*recorded("read"), *recorded("experts")] if every else SAMPLE)
