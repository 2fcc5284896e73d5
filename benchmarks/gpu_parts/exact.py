"""Part 1: tiny models of six families give the same on the device as a loop over tokens, and as the CPU."""

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
"""The allowed difference between devices or batch sizes, as a share of the quantity's largest value."""

SizeOf = dict[str, Any]


@dataclass(frozen=True)
class Family:
    name: str
    save: Callable[..., Path]
    sizes: SizeOf
    sites: tuple[str, ...]
    """The sites compared with the loop over tokens."""

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
    """A tiny model, and the indexes made with it."""

    def __init__(self, kit: Kit, family: Family, dtype: str) -> None:
        self.name = f"{family.name.removesuffix('Config').lower()} {dtype}"
        self.ready = False
        self._kit = kit
        self._family = family
        self._dtype = dtype
        self._settings = replace(SETTINGS, dtype=dtype, batch_tokens=600)
        self._alone = replace(self._settings, batch_tokens=1)  # one sequence at a time, as for the loop
        self._notices: list[str] = []

    def plain(self) -> dict[str, Any]:
        """Uncompiled: equal to the loop one sequence at a time, and to the CPU's index in batches."""
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
        """Compiled: equal to the uncompiled index to the bit, except for the last digits of means."""
        self._notices.clear()
        fused = _records(self._make("fused", self._kit.device, "on", self._settings))
        return self._told(
            {
                "uncompiled": [
                    f"{address}: {fused[address]!r}, not {record!r}"
                    for address, record in self._plain.items()
                    if without_last_digits(fused[address]) != without_last_digits(record)
                ],
                "fallen back": [notice for notice in self._notices if "slower" in notice or "longer" in notice],
            }
        )

    def _loop(self) -> list[str]:
        with Index(self._make("alone", self._kit.device, "off", self._alone)) as opened:
            return [
                f"{site}N{neuron}: {each}"
                for site, values in self._computed.items()
                for neuron in NEURONS
                for each in different(
                    opened.neuron(f"{site}N{neuron}", signs="raw"), values, neuron, self._alone, self._last_bit
                )
            ]

    @property
    def _last_bit(self) -> float:
        """By how much examples of experts in float32 may differ from the loop."""
        return 1e-6 if self._family.save is save_mixture else 0.0

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
    """The values of each site as plain transformers computes them on the device, one sequence at a time."""
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
