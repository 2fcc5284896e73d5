"""The sites of an index for people: one line for sites that agree, or one line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from indexer.addresses import SiteAddress, ranges
from indexer.database.records import SiteRecord

from ..text.clean import clean
from .numbers import frequency, full_count, signed


def one_by_one(sites: Iterable[SiteRecord], tokens: int) -> Iterator[tuple[str, str]]:
    """Name and description of each site; `tokens` are those of the corpus."""
    return ((site.address.name, _description([site], tokens)) for site in sites)


def together(sites: Iterable[SiteRecord], tokens: int) -> Iterator[tuple[str, str]]:
    """Names and description of sites that agree; counts and errors may differ and are given as ranges."""
    groups: dict[object, list[SiteRecord]] = defaultdict(list)
    for site in sites:
        address, proven = site.address, site.identity_error is not None
        kind = (address.stack, address.shared, address.expert is not None)
        groups[(kind, site.width, site.activation, site.adapter, proven)].append(site)
    for group in groups.values():
        for names, members in _named(group):
            yield names, _description(members, tokens)


def _named(group: Sequence[SiteRecord]) -> Iterator[tuple[str, list[SiteRecord]]]:
    """Sites of one kind, those of layers with the same experts together: L0-29, L0-29 E0-63, L4S."""
    layers: dict[int, list[SiteRecord]] = defaultdict(list)
    for site in group:
        layers[site.address.layer].append(site)
    alike: dict[tuple[int | None, ...], list[int]] = defaultdict(list)
    for layer, sites in layers.items():
        alike[tuple(site.address.expert for site in sites)].append(layer)
    for numbers in alike.values():
        members = [site for layer in numbers for site in layers[layer]]
        yield _names([site.address for site in members]), members


def _names(addresses: Sequence[SiteAddress]) -> str:
    first = addresses[0]
    if len(addresses) == 1:
        return first.name
    stack = f"{first.stack}." if first.stack else ""
    names = f"{stack}L{ranges({address.layer for address in addresses})}"
    experts = {address.expert for address in addresses if address.expert is not None}
    return names + (" S" if first.shared else f" E{ranges(experts)}" if experts else "")


def _description(sites: Sequence[SiteRecord], tokens: int) -> str:
    """The description of sites that agree; `each` marks numbers of one site."""
    first = sites[0]
    routed = first.address.expert is not None
    parts = [
        f"{full_count(first.width)} neurons{' each' if len(sites) > 1 else ''}",
        clean(first.activation),
        f"{_range(full_count, [site.tokens_counted for site in sites])} tokens {'routed' if routed else 'counted'}",
        "not proven",
        clean(first.adapter),
    ]
    if routed:
        parts[2] += f" ({_range(lambda count: frequency(count, tokens), [site.tokens_counted for site in sites])})"
    errors = [site.identity_error for site in sites if site.identity_error is not None]
    if errors:
        parts[3] = f"identity error {_range(lambda error: signed(error).lstrip('+'), errors)}"
    return ", ".join(parts)


def _range(shown: Callable[..., str], values: Sequence[float]) -> str:
    """The smallest and the largest value, or the only one."""
    least, most = shown(min(values)), shown(max(values))
    return least if least == most else f"{least} to {most}"
