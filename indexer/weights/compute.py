"""Computes all numbers of an index that come from the model's weights alone, without text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..database.bulk.arrays import ModelWeights, WeightArrays, WeightSite
from ..database.bulk.weight_writing import folded
from ..models.loaded import LoadedModel
from ..progress import Meter, Progress, Report
from ..sequences.tokenizer import token_bytes
from ..sites import Site, find_sites
from .cosines import SiteCosines, site_cosines
from .model_wiring import left_out, wiring_of
from .neighbours import MOST_COMPARED, Nearest, flips, nearest_neurons
from .norms import Norms, find_norms
from .null_space import NullSpace, shift_counts
from .token_lists import TokenLists
from .unembedding import Unembedding, embeddings, unembedding
from .vectors import SiteVectors, site_vectors
from .vocabulary import usable_tokens

COMPARED_WITH_TOKENS = 3
"""Times that each neuron is compared with all tokens: as it writes, and as gate and in read."""


class _Lists(NamedTuple):
    """The lists of every site, by name, and the reasons for missing ones."""

    tokens: TokenLists
    nearest: Mapping[str, Nearest]
    lacking: tuple[str, ...]
    null_space: int | None  # directions


def missing(reason: str) -> ModelWeights:
    """Nothing, and why."""
    return ModelWeights({"state": "missing", "reason": reason})


@torch.inference_mode()
def model_weights(loaded: LoadedModel, indexed: Iterable[str], report: Report, wiring: bool = True) -> ModelWeights:
    """The numbers of the weights of the sites named `indexed`. Nearest neurons are searched in the whole model, and so
    is `wiring`, if it is wanted.

    Besides the model, memory holds one table of tokens or neurons in bfloat16, blocks of bounded size, and the
    results, less than 2 KiB for each neuron.
    """
    report(Progress("weights", message="looking at the weights"))
    every = find_sites(loaded.model)
    norms = find_norms(loaded, every)
    vectors = site_vectors(every, norms)
    names = set(indexed)
    wanted = [one for one in vectors if one.site.address.name in names and one.reason is None]
    sites = _model_sites(every)
    cosines = {one.site.address.name: site_cosines(one) for one in wanted}
    if not wanted:
        reasons = sorted({one.reason for one in vectors if one.reason is not None})
        return ModelWeights({"state": "missing", "reason": "; ".join(reasons)}, _described(sites, vectors, cosines))
    lists = _lists(loaded, norms, vectors, wanted, sites, report)
    arrays = {name: _arrays(name, found, lists) for name, found in cosines.items()}
    used = _used(arrays.values())
    texts = _vocabulary(loaded.tokenizer, len(embeddings(loaded)))
    return ModelWeights(
        info={**_info(vectors, names, norms, lists), "vocabulary": len(texts)},
        model_sites=_described(sites, vectors, cosines),
        sites=arrays,
        spelling=dict(zip(used, token_bytes(loaded.tokenizer, used), strict=True)),
        folded=texts,
        wiring=wiring_of(vectors, names, report) if wiring else left_out(),
    )


def _vocabulary(tokenizer: Any, rows: int) -> dict[int, str]:
    """The texts of all tokens that can be in a list, as searches fold them."""
    ids: list[int] = usable_tokens(tokenizer, rows).nonzero()[:, 0].tolist()
    return folded(zip(ids, token_bytes(tokenizer, ids), strict=True))


def _lists(
    loaded: LoadedModel,
    norms: Norms,
    vectors: Sequence[SiteVectors],
    wanted: Sequence[SiteVectors],
    sites: Mapping[str, WeightSite],
    report: Report,
) -> _Lists:
    tokens, lacking, null_space = _token_lists(loaded, norms, wanted, report)
    width = sum(one.site.width for one in wanted)
    total = sum(one.site.width for one in vectors)
    if total > MOST_COMPARED:
        lacking.append(f"no nearest neurons: the model has {total:,} neurons, more than are compared")
    compared = [one for one in vectors if one.reason is None] if total <= MOST_COMPARED else []
    done = _counter(report, "comparing neurons with each other", 2 * width)
    first = {name: site.first_neuron for name, site in sites.items()}
    nearest: dict[str, Nearest] = {}
    for d_model in {one.d_model: None for one in wanted}:  # two stacks may have widths of their own
        alike = [one for one in compared if one.d_model == d_model]
        mine = [one for one in wanted if one.d_model == d_model]
        nearest |= nearest_neurons(mine, alike, first, flips(alike), done)
    return _Lists(tokens, nearest, tuple(lacking), null_space)


def _token_lists(
    loaded: LoadedModel, norms: Norms, wanted: Sequence[SiteVectors], report: Report
) -> tuple[TokenLists, list[str], int | None]:
    """The tokens written and read, the reasons for missing lists, and the directions of the near-null space."""
    stacks = {one.site.address.stack: embeddings(loaded, one.site.address.stack) for one in wanted}
    own = next(iter(stacks.values()))
    lists = TokenLists(wanted, int(usable_tokens(loaded.tokenizer, len(own)).sum()))
    width = sum(one.site.width for one in wanted)
    done = _counter(report, "comparing neurons with tokens", width * COMPARED_WITH_TOKENS)
    for stack, rows in stacks.items():
        if rows.shape[1] != next(one.d_model for one in wanted if one.site.address.stack == stack):
            return lists, ["no tokens: the embeddings have another width than the MLPs read"], None
        lists.read(rows, usable_tokens(loaded.tokenizer, len(rows)), stack, done)
    out = unembedding(loaded)
    if (reason := _why_no_writes(out, norms)) is not None:
        return lists, [f"no tokens that neurons write: {reason}"], None
    assert out.rows is not None
    assert norms.final is not None
    assert loaded.origin is not None  # else there is a reason
    usable = usable_tokens(loaded.tokenizer, len(out.rows))
    null_space = NullSpace.of(out.rows, usable, norms.final, shift_counts=shift_counts(loaded.origin.config))
    lists.write(out.rows, usable, norms.final, null_space, done)
    return lists, [], null_space.directions


def _why_no_writes(out: Unembedding, norms: Norms) -> str | None:
    if out.rows is None:
        return out.reason
    return "the effect of the last norm is not known" if norms.final is None else None


def _counter(report: Report, message: str, total: int) -> Callable[[int], None]:
    """A function that counts further finished neurons and reports progress."""
    meter = Meter(report, "weights")
    so_far = 0

    def done(count: int) -> None:
        nonlocal so_far
        so_far += count
        meter.update(so_far, total, message)

    return done


def _model_sites(sites: Sequence[Site]) -> dict[str, WeightSite]:
    """Every site by name, with the numbers of its neurons in the model."""
    found: dict[str, WeightSite] = {}
    first = 0
    for site in sites:
        found[site.address.name] = WeightSite(site.address.name, site.width, first)
        first += site.width
    return found


def _described(
    sites: Mapping[str, WeightSite], vectors: Sequence[SiteVectors], cosines: Mapping[str, SiteCosines]
) -> tuple[WeightSite, ...]:
    described = []
    for one in vectors:
        site = sites[one.site.address.name]
        found = cosines.get(site.name)
        described.append(
            WeightSite(
                name=site.name,
                width=site.width,
                first_neuron=site.first_neuron,
                norm_before=None if one.before is None else one.before.kind,
                norm_after=None if one.after is None else one.after.kind,
                bands=(None, None, None) if found is None else found.bands,
                reason=one.reason or (None if found is not None else "it is not in this index"),
            )
        )
    return tuple(described)


def _arrays(name: str, cosines: SiteCosines, lists: _Lists) -> WeightArrays:
    nearest = lists.nearest[name]
    return WeightArrays(
        cosines=cosines.cosines,
        norms=cosines.norms,
        classes=cosines.classes,
        tokens=lists.tokens.tokens[name],
        scores=lists.tokens.scores[name],
        neighbours=nearest.neurons,
        neighbour_cosines=nearest.cosines,
        vocabulary=lists.tokens.vocabulary[name],
    )


def _used(arrays: Iterable[WeightArrays]) -> list[int]:
    """The tokens that lists name."""
    used = np.unique(np.concatenate([np.unique(site.tokens) for site in arrays]))
    found: list[int] = used[used >= 0].tolist()
    return found


def _info(vectors: Sequence[SiteVectors], names: set[str], norms: Norms, lists: _Lists) -> dict[str, Any]:
    """The key `weights` of the index's info."""
    reasons = [
        f"{one.site.address.name}: {one.reason}" for one in vectors if one.reason and one.site.address.name in names
    ]
    told = "; ".join((*reasons[:3], *([f"{len(reasons) - 3} more sites"] if len(reasons) > 3 else []), *lists.lacking))
    final = None if norms.final is None else norms.final.kind
    return {
        "state": "partly" if told else "computed",
        "reason": told or None,
        "final_norm": final,
        "null_space": lists.null_space,
    }
