"""An index and its model together: texts are read, and asked about, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial

import numpy as np

from ..addresses import NeuronAddress, SiteAddress
from ..database.bulk.sampled_sites import Places, SampledSites, flips, quadrants_of
from ..database.reader import Index
from ..database.records import SiteRecord
from ..errors import GluscopeError
from ..progress import Progress, Report
from ..quadrants import QUADRANTS
from ..sites import Site
from ..sites.weights import gate_in_dot
from ..weights.between import vectors_of
from ..weights.vectors import SiteVectors
from .direct import DirectEffects, Paths, find_paths
from .model import Choice, LiveModel, open_model, silent
from .percentiles import TextPlaces
from .records import NeuronValues, Row, Target
from .standing_out import Float64, Mask, Told, Wish, masks, standing_out
from .targets import token_texts
from .text import encode_chat, encode_text
from .values import Values, run_text


def where_needs_an_index() -> GluscopeError:
    """The error for a condition when there is no index."""
    return GluscopeError("--where needs an index", "name one with --db, or leave --where out")


class LiveSession:
    """A model, the index that it made if there is one, and what is known of the paths to its logits.

    Close it, or use it in a `with`.
    """

    def __init__(self, index: Index | None, choice: Choice, report: Report = silent) -> None:
        """Load the model. GluscopeError as `open_model`."""
        self.index = index
        self.live: LiveModel = open_model(None if index is None else index.info(), choice, report)
        self.sampled = None if index is None else SampledSites(index.path)
        report(Progress("loading", message="looking at the norms and the head"))
        self.paths: Paths | str = find_paths(self.live)

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.sampled is not None:
            self.sampled.close()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.live.loaded.name if self.index is None else self.index.model

    @property
    def no_logit(self) -> str | None:
        """Why no neuron has an effect on a logit; None if neurons have."""
        return self.paths if isinstance(self.paths, str) else None

    @property
    def capped(self) -> bool:
        """Whether the model caps its logits softly, which effects leave out."""
        return not isinstance(self.paths, str) and self.paths.head.capped

    @cached_property
    def records(self) -> Mapping[str, SiteRecord]:
        """The sites of the index by name; none without an index."""
        return {} if self.index is None else {one.address.name: one for one in self.index.sites}

    @cached_property
    def vectors(self) -> Mapping[SiteAddress, SiteVectors]:
        """The vectors of the neurons, norm gains folded in."""
        return vectors_of(self.live.loaded)

    def flipped(self, signs: str) -> Mapping[str, Mask]:
        """Which neurons are flipped under the signs `aligned` or `raw`, by site."""
        return self._flipped if signs == "aligned" else self._unflipped

    @cached_property
    def _unflipped(self) -> Mapping[str, Mask]:
        return {name: np.zeros(site.width, np.bool_) for name, site in self.live.names.items()}

    @cached_property
    def _flipped(self) -> Mapping[str, Mask]:
        if self.index is not None:
            bits = [None if row[0] is None else bool(row[0]) for row in self.index.rows(("flipped",))]
            return flips(self.index.sites, bits)
        dots = {name: gate_in_dot(site) for name, site in self.live.names.items()}
        return {
            name: np.zeros(self.live.names[name].width, np.bool_) if dot is None else dot < 0
            for name, dot in dots.items()
        }

    def masks(self, where: str | None, signs: str) -> Mapping[str, Mask] | None:
        """The neurons that meet a condition over the index's columns, by site; None: all. GluscopeError without an
        index, and for anything that is no condition."""
        if where is None:
            return None
        if self.index is None:
            raise where_needs_an_index()
        firsts = {name: one.first_neuron for name, one in self.records.items()}
        return masks(self.live.sites, firsts, self.index.table.order(where, signs=signs))

    def neuron(self, address: NeuronAddress) -> NeuronAddress:
        """The address, if the model has that neuron at a site that is read. GluscopeError otherwise."""
        if self.index is not None:
            return self.index.address(address)
        site = self.live.names.get(address.site.name)
        if site is None or address.index >= site.width:
            raise GluscopeError(
                f"the model has no neuron {address}", f"its sites are {', '.join(self.live.names)[:200]}"
            )
        return address

    def read(self, text: str, *, chat: bool = False) -> ReadText:
        """Run the model on a text. GluscopeError for one that can't be read whole, and as `run_text`."""
        ids = (encode_chat if chat else encode_text)(self.live, text)
        norms = () if isinstance(self.paths, str) else self.paths.norms
        return ReadText(self, text, run_text(self.live, ids, norms))


class ReadText:
    """A text that the model has read, and what its neurons did."""

    def __init__(self, session: LiveSession, text: str, values: Values) -> None:
        self._session = session
        self.text = text
        self.values = values
        self.ids: list[int] = values.ids.tolist()
        self.tokens = token_texts(session.live.loaded.tokenizer, self.ids)
        self._targets: dict[int, Target] = {}

    @property
    def counted(self) -> tuple[int, ...]:
        """The positions that have values: all but 0, unless the index counted it."""
        return tuple(range(0 if self._session.live.settings.count_first else 1, len(self.ids)))

    @cached_property
    def _places(self) -> TextPlaces | None:
        sampled = self._session.sampled
        return None if sampled is None else TextPlaces(sampled, self._session.records, self.values)

    @property
    def predicts(self) -> bool:
        """Whether the model predicts a next token."""
        return self._direct is not None

    @cached_property
    def _direct(self) -> DirectEffects | None:
        paths = self._session.paths
        return None if isinstance(paths, str) else DirectEffects(self._session.live, paths, self.values)

    def predicted(self, position: int) -> Target | None:
        """The token that the model predicts to follow a position; None if it predicts none."""
        if self._direct is None:
            return None
        if position not in self._targets:
            id_ = self._direct.predicted(position)
            self._targets[position] = Target(id_, token_texts(self._session.live.loaded.tokenizer, [id_])[0])
        return self._targets[position]

    def rows(
        self,
        positions: Sequence[int],
        wish: Wish,
        target: Target | None = None,
        *,
        signs: str = "aligned",
        report: Report = silent,
    ) -> list[Row]:
        """What stands out at each position, for the logit of `target` (None: the token predicted there)."""
        if self._places is not None:
            self._places.read(wish.sites(self._session.live.names), positions, self.counted, report)
        found: list[Row] = []
        for position in positions:
            aim = self.predicted(position) if target is None else target
            told = Told(self._session.flipped(signs), self.tokens, self._place, partial(self._logits, target=aim))
            found += standing_out(self._session.live.sites, self.values, position, wish, told)
        return found

    def neuron(self, address: NeuronAddress, *, signs: str = "aligned") -> NeuronValues:
        """One neuron along the text."""
        site = self.values.sites[address.site.name]
        flipped = bool(self._session.flipped(signs)[address.site.name][address.index])
        counted = set(self.counted)
        rows = {int(at): row for row, at in enumerate(site.positions.tolist()) if at in counted}
        lanes = {}
        for name in ("gate", "in", "act", "post"):
            sign = -1.0 if flipped and name in ("in", "post") else 1.0
            column = (site[name][:, address.index].double() * sign + 0.0).tolist()
            lanes[name] = tuple(column[rows[at]] if at in rows else None for at in range(len(self.ids)))
        quadrant = quadrants_of(
            np.array([value or 0.0 for value in lanes["gate"]]), np.array([value or 0.0 for value in lanes["in"]])
        )
        named = tuple(None if place < 0 else QUADRANTS[place] for place in quadrant.tolist())
        return NeuronValues(address, named, lanes["gate"], lanes["in"], lanes["act"], lanes["post"])

    def _logits(self, site: Site, position: int, *, target: Target | None) -> Float64 | None:
        if self._direct is None or target is None:
            return None
        found = self._direct.effects(site, position, target.id)
        return None if found is None else found.double().numpy()

    def _place(self, site: Site, position: int) -> Places | None:
        return None if self._places is None else self._places.at(site.address.name, position)
