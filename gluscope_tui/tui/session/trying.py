"""Has a text of one's own read by the process that runs the model, and asks it about neurons. No widgets.

The process measures effects and computes cosines, too; those need no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from indexer.addresses import NeuronAddress
from indexer.errors import GluscopeError
from indexer.live.effect.result import from_json
from indexer.live.records import NeuronValues, Row, Target

from .between import Between, Two
from .effects import Effects, Wanted
from .tried import MOST_ROWS, LiveOptions, OwnText, Standing, Tried, Wished

_UNKNOWN = "the process that runs the model answered in an unknown way"
_ENDED = "the process that ran the model has ended{}: {} tries again"

_WITHOUT_TEXT = ("load", "effect", "cosines")


class Process(Protocol):
    """The process that runs the model."""

    def ask(self, do: str, **arguments: Any) -> int:
        """Send a request, and return its number."""
        raise NotImplementedError

    def cancel(self, number: int) -> None:
        """Ask for no answer to a request any longer."""


class Trying:
    """Asks, and takes the answers in whatever order they come. What was asked before a newer text is dropped."""

    def __init__(self, process: Process, path: str, options: LiveOptions) -> None:
        self.tried = Tried()
        self.options = options
        self.standing: Standing | None = None
        self.standing_problem = ""
        self.effects = Effects()
        self.between = Between()
        self._process = process
        self._path = path
        self._loaded = False
        self._asked: dict[int, tuple[str, Any]] = {}  # what each unanswered request is about

    # asking

    def try_text(self, text: str) -> None:
        """Have a text read; the model is loaded first if it isn't. "" takes the text away."""
        for number in [number for number, (kind, _) in self._asked.items() if kind not in _WITHOUT_TEXT]:
            self._forget(number)
        self.tried.begin(text, "reading the text" if self._loaded else "starting the process that runs the model")
        if not text:
            return
        self._load()
        self._ask("prompt", text, text=text)

    def _load(self) -> None:
        """Have the model loaded, unless it is or will be."""
        if not self._loaded and not self._waits_for("load"):
            self._ask("load", None, db=self._path, model=self.options.model, device=self.options.device)

    def want(self, neuron: NeuronAddress, signs: str) -> None:
        """Ask what a neuron does on the text, unless that is known or asked for."""
        tried = self.tried
        if tried.busy or tried.values(neuron, signs) is not None or ("neuron", (neuron, signs)) in self._asked.values():
            return
        if self._waits_for("neuron"):  # one at a time: keys come faster than answers
            return
        self._ask("neuron", (neuron, signs), neuron=neuron.name, signs=signs)

    def want_rows(self, wished: Wished) -> None:
        """Ask which neurons stand out."""
        for number in [number for number, (kind, _) in self._asked.items() if kind == "rows"]:
            self._forget(number)
        self.standing_problem = ""
        where = wished.where or None
        arguments = {"position": wished.position, "sort": wished.sort, "where": where, "signs": wished.signs}
        self._ask("rows", wished, limit=MOST_ROWS, **arguments)

    def give_up_rows(self) -> None:
        """The table was left."""
        for number in [number for number, (kind, _) in self._asked.items() if kind == "rows"]:
            self._forget(number)

    def measure(self, wanted: Wanted) -> None:
        """Have an effect measured, unless it is known or asked for. Another one that is being measured is given up."""
        if wanted in self.effects.found or self.effects.measuring == wanted:
            return
        self.give_up_effect()
        self.effects.begin(wanted)
        self._load()
        self._ask("effect", wanted, **wanted.arguments())

    def give_up_effect(self) -> None:
        """The effect that is being measured is no longer wanted."""
        for number in [number for number, (kind, _) in self._asked.items() if kind == "effect"]:
            self._forget(number)
        self.effects.give_up()

    def want_cosines(self, two: Two, *, demanded: bool = False) -> None:
        """Ask for the cosines between two neurons, unless they are known or others are being asked for.

        Only if `demanded` is the model loaded for that, and is asked again after a failure.
        """
        between = self.between
        if demanded:
            between.by_hand = False
        if two in between.found or between.asking is not None or between.by_hand or not (demanded or self._loaded):
            return
        between.begin(two)
        self._load()
        self._ask("cosines", two, **two.arguments())

    def leave_cosines(self) -> None:
        """The comparison was left."""
        for number in [number for number, (kind, _) in self._asked.items() if kind == "cosines"]:
            self._forget(number)
        self.between.asking = None

    def stop_cosines(self) -> None:
        """No cosines are wanted until they are demanded again, nor is a model for which nothing else waits."""
        self.leave_cosines()
        if [kind for kind, _ in self._asked.values()] == ["load"]:
            self._forget(next(iter(self._asked)))
        self.between.by_hand = True

    @property
    def reading_rows(self) -> bool:
        return self._waits_for("rows")

    def _ask(self, do: str, about: Any, **arguments: Any) -> None:
        self._asked[self._process.ask(do, **arguments)] = (do, about)

    def _forget(self, number: int) -> None:
        del self._asked[number]
        self._process.cancel(number)

    def _waits_for(self, kind: str) -> bool:
        return any(kind == one for one, _ in self._asked.values())

    # hearing

    def hear(self, message: Mapping[str, Any]) -> str:
        """Take a line of the process. Returns a notice, or ""."""
        if "ended" in message:
            return self._ended(message["ended"])
        number = message.get("id")
        if not isinstance(number, int) or number not in self._asked:
            return ""  # late
        kind, about = self._asked[number]
        if "progress" in message:
            said = _said(message["progress"])
            if kind in ("load", "effect"):
                self.effects.said = said
            if kind in ("load", "cosines"):
                self.between.said = said
            if kind not in ("neuron", "effect", "cosines"):
                self.tried.status = said
            return ""
        if "notice" in message:
            return str(message["notice"])
        del self._asked[number]
        try:
            if "ok" in message:
                return self._take(kind, about, message["ok"])
            if "error" in message:
                return self._failed(kind, f"{message['error']['cause']}; {message['error']['fix']}".rstrip("; "))
        except (KeyError, TypeError, ValueError, AttributeError, GluscopeError):
            return self._failed(kind, _UNKNOWN)
        return ""

    def _take(self, kind: str, about: Any, found: Mapping[str, Any]) -> str:
        if kind == "load":
            self._loaded = True
            reason = found.get("no_logit")
            self.tried.no_logit = None if reason is None else str(reason)
            self.tried.status = "reading the text"
        elif kind == "prompt":
            self.tried.take(OwnText.from_object(found))
        elif kind == "neuron":
            self.tried.put(about[1], NeuronValues.from_object(found))
        elif kind == "effect":
            self.effects.take(about, from_json(found))
        elif kind == "cosines":
            self.between.take(about, found)
        elif kind == "rows":
            self.tried.status = ""
            target = found["target"]
            aim = None if target is None else Target(int(target["id"]), str(target["token"]))
            self.standing = Standing(about, tuple(map(Row.from_object, found["rows"])), aim)
        return ""

    def _failed(self, kind: str, problem: str) -> str:
        if kind == "rows":
            self.standing_problem, self.tried.status = problem, ""
            return ""
        if kind == "load":  # what was asked after it can't be answered
            self._asked.clear()
        compared = kind in ("load", "cosines") and self.between.asking is not None
        if compared:
            self.between.fail(problem)
        if kind in ("load", "effect"):
            self.effects.fail(problem)
            if kind == "effect" or not self.tried.shown:
                return problem if compared else ""  # the effect's own screen says so
        if kind in ("load", "prompt"):
            self.tried.fail(problem)
        return problem

    def _ended(self, code: Any) -> str:
        waiting = bool(self._asked)
        if not waiting and not self._loaded:
            return ""  # it ended before it held anything, or that was told already
        self._asked.clear()
        self._loaded = False
        how = "" if code is None else f" ({_exit(code)})"
        problem = _ENDED.format(how, "{live.try}")
        self.effects.fail(problem.partition(":")[0])
        if waiting:
            self.standing_problem = problem
        if waiting or self.tried.shown:
            self.tried.fail(problem)
        if self.between.asking is not None:
            self.between.fail(_ENDED.format(how, "{compare.weights}"))
            return self.between.problem
        return problem


def _exit(code: Any) -> str:
    return f"killed by signal {-code}" if isinstance(code, int) and code < 0 else f"exit code {code}"


def _said(progress: Mapping[str, Any]) -> str:
    """A report in words."""
    words = str(progress.get("message", ""))
    done, total, left = (progress.get(name) for name in ("done", "total", "seconds_left"))
    if isinstance(done, int) and isinstance(total, int) and total > 0:
        words += f" {100 * done // total}%"
    if isinstance(left, (int, float)) and left >= 1:
        words += f", {left:.0f} s left"
    return words
