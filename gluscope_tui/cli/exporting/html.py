"""Neurons as web pages: a site in a folder, or one page in a file."""

from __future__ import annotations

from pathlib import Path

import typer

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.export_folder import ExportFolder, export_file, export_folder, refuse_foreign
from indexer.progress import Meter

from ...views.numbers import full_count
from ...views.web.page import GENERATOR, Asked, Place, page
from ...views.web.panes import Shown
from ...views.web.reading import read_page, read_record, turned
from ...views.web.table import Entry, entry, table_page
from ..opening import open_index
from ..output import tell
from ..progress import narrator
from .chosen import Chosen, Request, chosen, command_line, ranking

_KIND = "html"
_TABLE = "index.html"


def write_page(request: Request, out: Path) -> int:
    """Write the page of one neuron to a file. Returns how many addresses were refused."""
    with open_index(request.db) as index:
        found = chosen(index, request).alone()
        asked = asked_of(index, request, command_line(_KIND, request, str(out), "--single"))
        text = read_page(index, found.neurons[0], asked, note=found.note(found.neurons[0]))
    export_file(out, text.encode(), GENERATOR)
    tell(f"{found.neurons[0]} is in {out}")
    return found.refused


def single(request: Request) -> str:
    """The HTML of one neuron for stdout."""
    with open_index(request.db) as index:
        found = chosen(index, request).alone()
        if found.refused:
            raise typer.Exit(2)
        asked = asked_of(index, request, command_line(_KIND, request, f"{found.neurons[0]}.html", "--single"))
        return read_page(index, found.neurons[0], asked, note=found.note(found.neurons[0]))


def write_site(request: Request, out: Path) -> int:
    """Write a folder of pages with a table of them. Returns how many addresses were refused."""
    refuse_foreign(out, _KIND)
    with open_index(request.db) as index:
        found = chosen(index, request)
        asked = asked_of(index, request, command_line(_KIND, request, str(out)))
        with narrator() as report, export_folder(out, _KIND) as folder:
            _pages(index, found, asked, folder, Meter(report, "pages"))
    count = "1 page is" if len(found.neurons) == 1 else f"{full_count(len(found.neurons))} pages are"
    tell(f"{count} in {out}: open {out / _TABLE} in a browser")
    return found.refused


def _pages(index: Index, found: Chosen, asked: Asked, folder: ExportFolder, meter: Meter) -> None:
    neurons = found.neurons
    names = frozenset(neuron.name for neuron in neurons)
    files = ["", *(_file(neuron) for neuron in neurons), ""]
    entries: list[Entry] = []
    for place, neuron in enumerate(neurons):
        record = read_record(index, neuron, asked)
        beside = Place(files[place], files[place + 2], _TABLE, names)
        folder.write(_file(neuron), page(record, asked, beside, turned(index, record), found.note(neuron)).encode())
        entries.append(entry(record, _file(neuron), found.note(neuron)))
        meter.update(place + 1, len(neurons), "writing pages")
    folder.write(_TABLE, table_page(entries, asked).encode())


def asked_of(index: Index, request: Request, command: str) -> Asked:
    """What the pages of a request have in common."""
    info = index.info()
    shown = Shown(ranking(index, request), int(info.settings.get("top_k", 0)), request.limit)
    return Asked(info, shown, request.signs, command)


def _file(neuron: NeuronAddress) -> str:
    return f"{neuron.name}.html"
