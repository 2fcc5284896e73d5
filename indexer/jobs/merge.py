"""Joins finished indexes of one plan: disjoint cells (batch, site) become one index, the same in any order of work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..addresses import SiteAddress
from ..database.bulk.arrays import SiteArrays
from ..database.bulk.stored import StoredIndex
from ..database.format.activations import sign_preserving
from ..database.records import SiteRecord
from ..disk import full_disk_told
from ..errors import GluscopeError
from ..index_file.coverage import NOTHING, Batches, Coverage, in_words
from ..index_file.identity import difference, same_but
from ..index_file.read_back import JoinedTexts, Restated
from ..index_file.run_info import RunInfo, stored_run
from ..index_file.site_arrays import site_arrays
from ..index_file.write import SamplePositions, write_index
from ..progress import Meter, Progress, Report
from ..run.folder import discard, hold, run_folder, under_way
from ..run.output_file import OutputFile, unmade
from ..statistics.sample import PositionSample, Slots
from ..statistics.stack import SiteState, Stack, form
from ..weights.join import joined_weights


class _Input(NamedTuple):
    """An index to join."""

    stored: StoredIndex
    coverage: Coverage
    records: Mapping[SiteAddress, SiteRecord]


@dataclass(frozen=True)
class _Sample:
    """The joined sample of sites that are in the same inputs."""

    id: int
    sample: PositionSample
    slots: tuple[Slots, ...]  # for each input after the first


def merge(out: Path, inputs: Sequence[Path], report: Report, *, overwrite: bool = False) -> Path:
    """Join indexes into the file `out`, and return its path. Memory holds the texts and one site of two indexes.

    Counts, rankings and samples don't depend on the order of `inputs`, nor on how they were joined before. Sums are
    added in the order of batches. GluscopeError, naming the difference, if a cell occurs twice, an input is
    unfinished, or its weights, text or settings differ.
    """
    if len(inputs) < 2:
        raise GluscopeError("there is nothing to join", "name two indexes or more: gluscope merge OUT IN IN...")
    file = OutputFile(out)
    if file.there and not overwrite:
        raise GluscopeError(f"{out} already exists", "name another file, or replace it with --overwrite")
    file.demand_writable()
    folder = run_folder(file.path)
    if under_way(file.path):
        raise GluscopeError(f"there is an unfinished run in {folder}", "finish it, remove it, or name another file")
    with ExitStack() as stack:
        parts = [_opened(stack, path) for path in inputs]
        _demand_one_plan(parts)
        _demand_disjoint(parts)
        parts.sort(key=lambda part: (_first(part), min(part.records)))
        then = "run the same command again: it starts again, and nothing was changed"
        stack.enter_context(full_disk_told(folder, lambda: then))
        stack.enter_context(hold(folder, lambda message: report(Progress("notice", message=message))))
        stack.callback(discard, folder)
        made = unmade(folder / "index.db")
        _write(made, parts, report)
        file.put(made)
    return out


def _opened(stack: ExitStack, path: Path) -> _Input:
    """An input, if it is finished."""
    stored = stack.enter_context(StoredIndex(path))
    names = [record.address.name for record in stored.sites]
    if "coverage" not in stored.info:
        raise GluscopeError(f"{path} doesn't say what it covers", "make it again with gluscope index")
    coverage = Coverage.from_json(stored.info["coverage"], names)
    if not coverage.finished or under_way(path):
        raise GluscopeError(f"{path} is not finished", "run its gluscope index command again to finish it")
    return _Input(stored, coverage, {record.address: record for record in stored.sites})


def _first(part: _Input) -> int:
    return min(batches.first for batches in part.coverage.sites.values())


def _demand_one_plan(parts: Sequence[_Input]) -> None:
    """GluscopeError naming the first difference in weights, settings or text."""
    one = parts[0]
    for other in parts[1:]:
        # only the choice of layers may differ between joined indexes
        before, now = (same_but(stored_run(part.stored).identity, layers=None) for part in (one, other))
        found = difference(before, now)
        if found is None and one.stored.info["corpus"]["hash"] != other.stored.info["corpus"]["hash"]:
            found = "it was made from other text"
        if found is None and (one.coverage.total, one.coverage.borders) != (
            other.coverage.total,
            other.coverage.borders,
        ):
            found = "its text was cut into other batches, since one of them was extended and the other was not"
        if found is not None:
            raise GluscopeError(
                f"{one.stored.path} doesn't fit together with {other.stored.path}: {found}",
                "join indexes of the same model, text and settings",
            )


def _demand_disjoint(parts: Sequence[_Input]) -> None:
    """GluscopeError naming the first cells that occur twice."""
    held: dict[str, list[tuple[str, Batches]]] = {}
    for part in parts:
        for name, batches in part.coverage.sites.items():
            for path, others in held.setdefault(name, []):
                if len(twice := batches & others):
                    raise GluscopeError(
                        f"{path} and {part.stored.path} both hold {name} of batch {in_words(twice)}",
                        "join each part once",
                    )
            held[name].append((part.stored.path, batches))


def _write(made: Path, parts: Sequence[_Input], report: Report) -> None:
    addresses = sorted({address for part in parts for address in part.records})
    holders = {address: _holders(parts, address) for address in addresses}
    coverage = _coverage(parts, holders)
    restated = {part.stored.path: Restated(part.stored) for part in parts}
    samples = _samples(holders, coverage, restated)
    texts = JoinedTexts([part.stored for part in parts])
    total = sum(held[0].records[address].width for address, held in holders.items())
    meter = Meter(report, "writing")
    write_index(
        made,
        _sites(holders, samples, restated),
        {joined.id: _positions(joined.sample) for joined in samples.values()},
        texts,
        texts.spell,
        _info(parts, coverage, addresses),
        lambda neurons: meter.update(neurons, total, "joining neurons"),
        joined_weights([part.stored.weights() for part in parts], [address.name for address in addresses]),
    )


def _holders(parts: Sequence[_Input], address: SiteAddress) -> tuple[_Input, ...]:
    """The inputs that hold a site, lower batches first. Inputs without a batch are left out unless none has one."""
    held = sorted(
        (part for part in parts if address in part.records), key=lambda part: part.coverage.sites[address.name].first
    )
    return tuple(part for part in held if len(part.coverage.sites[address.name].numbers)) or tuple(held[:1])


def _coverage(parts: Sequence[_Input], holders: Mapping[SiteAddress, tuple[_Input, ...]]) -> Coverage:
    sites = {}
    for address, held in holders.items():
        batches = NOTHING
        for part in held:
            batches |= part.coverage.sites[address.name]
        sites[address.name] = batches
    first = parts[0].coverage
    return Coverage(first.total, first.borders, finished=True, shard=None, sites=sites)


def _samples(
    holders: Mapping[SiteAddress, tuple[_Input, ...]], coverage: Coverage, restated: Mapping[str, Restated]
) -> dict[tuple[str, ...], _Sample]:
    """The joined samples, by the paths of the inputs and the names of their samples. Sites that cover the same batches
    share an id."""
    found: dict[tuple[str, ...], _Sample] = {}
    ids: dict[bytes, int] = {}
    for address, held in holders.items():
        key = _key(address, held)
        if key in found:
            continue
        first, *others = (restated[part.stored.path].sample(part.stored.sample_ids[address.name]) for part in held)
        slots = tuple(first.merge(other) for other in others)
        alike = coverage.sites[address.name].numbers.tobytes() if address.expert is None else address.name.encode()
        id_ = ids.setdefault(alike, len(ids))
        found[key] = _Sample(id_, first, slots)
    return found


def _key(address: SiteAddress, held: Sequence[_Input]) -> tuple[str, ...]:
    return tuple(f"{part.stored.path} {part.stored.sample_ids[address.name]}" for part in held)


def _positions(sample: PositionSample) -> SamplePositions:
    order = sample.order()
    return SamplePositions(sample.sequence[order], sample.position[order])


def _sites(
    holders: Mapping[SiteAddress, tuple[_Input, ...]],
    samples: Mapping[tuple[str, ...], _Sample],
    restated: Mapping[str, Restated],
) -> Iterator[SiteArrays]:
    """The joined sites, one by one."""
    for address, held in holders.items():
        joined = samples[_key(address, held)]
        first = held[0].stored.site(held[0].records[address])
        if len(held) == 1:
            yield replace(first, sample_id=joined.id)
            continue
        state = _state(first, restated[held[0].stored.path])
        for part, slots in zip(held[1:], joined.slots, strict=True):
            other = part.stored.site(part.records[address])
            state.merge(_state(other, restated[part.stored.path]), slots)
        yield site_arrays(
            state,
            address=address,
            activation=first.activation,
            adapter=first.adapter,
            identity_error=first.identity_error,
            dot_gate_in=first.dot_gate_in,
            sample_order=joined.sample.order(),
            sample_id=joined.id,
        )


def _state(site: SiteArrays, restated: Restated) -> SiteState:
    kind = form(site.width, sign_preserving=sign_preserving(site.activation), keep_act=len(site.sample) == 3)
    state = Stack(kind, restated.settings, torch.device("cpu")).states[0]
    state.restore(restated.tensors(site))
    return state


def _info(parts: Sequence[_Input], coverage: Coverage, addresses: Sequence[SiteAddress]) -> dict[str, Any]:
    """The provenance of the joined index: the first input's, with the joined parts replaced."""
    infos = [part.stored.info for part in parts]
    runs = [stored_run(part.stored) for part in parts]
    first = infos[0]
    layers = _layers([run.identity.settings.layers for run in runs], addresses, int(first["model"]["layers"]))
    run = RunInfo.now(
        same_but(runs[0].identity, layers=layers),
        sum(run.seconds for run in runs),
        sum(int(batches.tokens) for batches in _distinct(parts)),
        coverage,
        sorted({notice for run in runs for notice in run.notices}),
        merged=sum(run.merged for run in runs),
    )
    return {
        "complete": coverage.complete,
        "model": {**first["model"], **_listed([info["model"] for info in infos], ("device",))},
        "corpus": first["corpus"],
        "settings": run.identity.settings.to_json(),
        "coverage": coverage.to_json(),
        **({"sinks": first["sinks"]} if "sinks" in first else {}),
        "software": _listed([info["software"] for info in infos], list(first["software"])),
        "run": run.to_json(),
    }


def _distinct(parts: Sequence[_Input]) -> Iterator[Batches]:
    """The batches of each input, once for each input."""
    for part in parts:
        yield max(part.coverage.sites.values(), key=lambda batches: batches.tokens)


def _layers(
    chosen: Sequence[tuple[int, ...] | None], addresses: Sequence[SiteAddress], of_model: int
) -> tuple[int, ...] | None:
    """The setting `layers` of the joined index: None if no layer of the model is left out."""
    union = sorted({address.layer for address in addresses})
    return None if None in chosen or union == list(range(of_model)) else tuple(union)


def _listed(values: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, str]:
    """For each name, all its values, joined by commas."""
    each = {name: {one for value in values for one in str(value[name]).split(", ")} for name in names}
    return {name: ", ".join(sorted(found)) for name, found in each.items()}
