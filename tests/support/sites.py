"""The sites of a model of thirty dense layers."""

from __future__ import annotations

from indexer.addresses import SiteAddress
from indexer.database.records import SiteRecord


def site(number: int, width: int = 1536) -> SiteRecord:
    return SiteRecord(number, SiteAddress("", number), width, "silu", 1000, number * width, None, "llama")


SITES = [site(number) for number in range(30)]
