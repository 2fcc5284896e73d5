"""Part 1: tiny models of six families say on the device what a loop over tokens says, and what the CPU says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.jobs.index import index
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings
from tests.support.naive import Computed
from tests.support.reference import Reference
from tests.support.reference_experts import ExpertReference
from tests.support.small_runs import TEXTS, write_corpus
from tests.support.tiny_experts import save_mixture
from tests.support.tiny_models import save_tiny

from .comparing import different, far, without_last_digits
from .kit import Kit

SETTINGS = Settings(context=48, rank_by=("post", "gate", "in", "act", "random"))
NEURONS = (0, 3, 8, 15)
_ROUNDING = {"float32": 1e-4, "bfloat16": 6e-2}
"""What values of two devices, or of two batches, may differ by, as a share of the largest of their quantity."""

SizeOf = dict[str, Any]


@dataclass(frozen=True)
class Family:
    name: str
    save: Callable[..., Path]
    sizes: SizeOf
    sites: tuple[str, ...]
    """Those that the loop over tokens is compared with."""

    @property
    def mixed(self) -> bool:
        return self.save is save_mixture


_SIZES: SizeOf = {"num_hidden_layers": 2, "intermediate_size": 16}
_MIXED: SizeOf = {**_SIZES, "hidden_size": 16}
FAMILIES = (
    Family("llama", save_tiny, _SIZES, ("L0", "L1")),
    Family("gemma3", save_tiny, _SIZES, ("L0", "L1")),
    Family("phi3", save_tiny, _SIZES, ("L0", "L1")),
    Family("olmo2", save_tiny, _SIZES, ("L0", "L1")),
    Family("MixtralConfig", save_mixture, _MIXED, ("L0E0", "L1E3", "L1E5")),
    Family(
        "Qwen2MoeConfig",
        save_mixture,
        {**_MIXED, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16},
        ("L1E0", "L1E4"),
    ),
)


def run(kit: Kit) -> None:
    chosen = FAMILIES[:1] + FAMILIES[-2:-1] if kit.small else FAMILIES
    models = [_Model(kit, family, dtype) for dtype in ("bfloat16", "float32") for family in chosen]
    for model in models:
        if kit.room(model.name, 5):
            with kit.case(model.name) as figures:
                figures |= model.plain()
    for model in models:  # last, since compiling may take long
        if model.ready and kit.room(f"{model.name} compiled", 10):
            with kit.case(f"{model.name} compiled") as figures:
                figures |= model.compiled()


class _Model:
    """A tiny model, and the indexes made of it."""

    def __init__(self, kit: Kit, family: Family, dtype: str) -> None:
        self.name = f"{family.name.removesuffix('Config').lower()} {dtype}"
        self.ready = False
        self._kit = kit
        self._family = family
        self._dtype = dtype
        self._settings = replace(SETTINGS, dtype=dtype, batch_tokens=600)
        self._alone = replace(self._settings, batch_tokens=1)  # a sequence at a time, as the loop's values are made
        self._notices: list[str] = []

    def plain(self) -> dict[str, Any]:
        """Without compiling: a sequence at a time what the loop says, and in batches what the CPU's index says."""
        self._folder = self._kit.folder / self.name.replace(" ", "-")
        self._folder.mkdir()
        self._model = self._family.save(self._folder / "model", self._family.name, **self._family.sizes)
        texts = TEXTS[:12] if self._kit.small else TEXTS
        self._corpus = write_corpus(self._folder / "texts.jsonl", texts)
        self._computed = _computed(self._family, self._model, texts, self._alone, self._kit.device)
        found = {"the loop": self._loop()}
        self._plain = _records(self._make("plain", self._kit.device, "off", self._settings))
        self.ready = True
        cpu = _records(self._make("cpu", "cpu", "off", self._settings))
        found["the CPU"], apart = far(cpu, self._plain, _ROUNDING[self._dtype])
        return self._told(found) | {"farthest_from_cpu": apart}

    def compiled(self) -> dict[str, Any]:
        """Compiled: the same to the bit as what is not, but for the last digits of means."""
        self._notices.clear()
        fused = _records(self._make("fused", self._kit.device, "on", self._settings))
        return self._told(
            {
                "uncompiled": [
                    f"{address}: {fused[address]!r}, not {record!r}"
                    for address, record in self._plain.items()
                    if without_last_digits(fused[address]) != without_last_digits(record)
                ],
                "fallen back": [notice for notice in self._notices if "uncompiled" in notice],
            }
        )

    def _loop(self) -> list[str]:
        with Index(self._make("alone", self._kit.device, "off", self._alone)) as opened:
            return [
                f"{site}N{neuron}: {each}"
                for site, values in self._computed.items()
                for neuron in NEURONS
                for each in different(opened.neuron(f"{site}N{neuron}", signs="raw"), values, neuron, self._alone)
            ]

    def _told(self, found: dict[str, list[str]]) -> dict[str, Any]:
        for name, differences in found.items():
            if differences:
                self._kit.keep(f"{self.name} {name}", "\n".join(differences))
        first = [each[:240] for differences in found.values() for each in differences[:2]]
        return {
            "passed": not first,
            "differences": {name: len(differences) for name, differences in found.items()},
            **({"first": first} if first else {}),
            **({"notices": sorted(set(self._notices))} if self._notices else {}),
        }

    def _make(self, name: str, device: str, compile: str, settings: Settings) -> Path:
        def tell(progress: Progress) -> None:
            if progress.phase == "notice":
                self._notices.append(f"{name}: {progress.message}")

        execution = Execution(device=device, compile=compile, weights=False)
        made = self._folder / f"{name}.db"
        return index(str(self._model), Inputs((str(self._corpus),)), made, settings, execution, progress=tell)


def _computed(
    family: Family, model: Path, texts: Sequence[str], settings: Settings, device: str
) -> dict[str, list[Computed]]:
    """What plain transformers computes on the device, a sequence at a time, for each site."""
    if not family.mixed:
        dense = Reference.of(model, texts, settings, device)
        return {site: dense.layer(int(site[1:])) for site in family.sites}
    mixed = ExpertReference(model, texts, settings, device)
    return {site: mixed.expert(*map(int, site[1:].split("E"))) for site in family.sites}


def _records(db: Path) -> Mapping[str, NeuronRecord]:
    with Index(db) as opened:
        return {
            f"{site.address.name}N{neuron}": opened.neuron(f"{site.address.name}N{neuron}", signs="raw")
            for site in opened.sites
            for neuron in NEURONS
        }
