"""The one thread that reads the index: the interface never waits for a disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Resource = TypeVar("Resource")
Result = TypeVar("Result")


class ReadingThread(Generic[Resource]):
    """Opens something in a thread of its own and answers questions about it there, one after the other.

    `check`, if there is one, is called after each question and raises where the answer can't be trusted.

    The thread is a daemon: a disk that never answers does not keep the process. A question that was cancelled
    before its turn is never asked.
    """

    def __init__(self, open_resource: Callable[[], Resource], check: Callable[[Resource], None] | None = None) -> None:
        self._questions: SimpleQueue[tuple[Callable[[Resource], Any], Future[Any]] | None] = SimpleQueue()
        self.opened: Future[Resource] = Future()
        self._running: Future[Any] | None = None
        self._check = check
        self._close: Callable[[Resource], None] | None = None
        self._changing = threading.Lock()  # of what is running: an interrupt must not hit the next question
        threading.Thread(target=self._run, args=(open_resource,), name="gluscope-reader", daemon=True).start()

    def ask(self, question: Callable[[Resource], Result]) -> Future[Result]:
        """The answer to come; an error of the question, or of the opening, is the future's."""
        answer: Future[Result] = Future()
        self._questions.put((question, answer))
        return answer

    def give_up(self, answer: Future[Any], interrupt: Callable[[Resource], None]) -> None:
        """Nobody waits for an answer any more: not asked if its turn has not come, interrupted if it is being found."""
        if answer.cancel():
            return
        with self._changing:
            if self._running is answer and self.opened.exception() is None:
                interrupt(self.opened.result())

    def stop(self, close: Callable[[Resource], None] | None = None) -> None:
        """Let the thread end once it has answered what was asked, and close what it opened."""
        self._close = close
        self._questions.put(None)

    def _run(self, open_resource: Callable[[], Resource]) -> None:
        self.opened.set_running_or_notify_cancel()  # from here on nobody can cancel it
        _answer(self.opened, open_resource)
        while (item := self._questions.get()) is not None:
            question, answer = item
            if answer.set_running_or_notify_cancel():
                with self._changing:
                    self._running = answer
                _answer(answer, partial(self._asked, question))
        if self._close is not None and self.opened.exception() is None:
            self._close(self.opened.result())

    def _asked(self, question: Callable[[Resource], Result]) -> Result:
        opened = self.opened.result()
        try:
            answer = question(opened)
        except Exception:
            if self._check is not None:
                self._check(opened)  # it may know why
            raise
        else:
            if self._check is not None:
                self._check(opened)
            return answer
        finally:
            with self._changing:
                self._running = None


def _answer(future: Future[Any], question: Callable[[], Any]) -> None:
    """Whatever happens in the thread belongs to the one who asked: the error is raised there."""
    try:
        future.set_result(question())
    except BaseException as error:
        future.set_exception(error)
