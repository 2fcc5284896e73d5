"""Stacks to feed: a dense site or some experts, and the engines that feed them."""

from __future__ import annotations

import pytest
import torch

from indexer.settings import Settings
from indexer.statistics.cpu.loops import Loops
from indexer.statistics.engine import Engine, Form
from indexer.statistics.fuser import Fuser
from indexer.statistics.stack import Stack, form
from indexer.statistics.tensors import Tensors

CPU = torch.device("cpu")


def plain_tensors() -> Engine:
    """Tensor operations as they are."""
    return Tensors(Fuser(False, pytest.fail))


def engine(*, loops: bool) -> Engine:
    """Loops of numba, or plain tensor operations."""
    return Loops() if loops else plain_tensors()


def shape(width: int, *, sign_preserving: bool = True, keep_act: bool = False) -> Form:
    return form(width, sign_preserving=sign_preserving, keep_act=keep_act)


def dense(of: Form, settings: Settings, by: Engine | None = None) -> Stack:
    """A dense site on the CPU."""
    return Stack(of, settings, CPU, by or plain_tensors())
