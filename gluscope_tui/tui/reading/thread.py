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
    """Opens something in its own thread and answers questions about it there, one at a time.

    `check`, if given, is called after each question and raises if the answer can't be trusted.

    The thread is a daemon: a disk that never answers does not keep the process alive. A question cancelled before its
    turn is never asked.
    """

    def __init__(self, open_resource: Callable[[], Resource], check: Callable[[Resource], None] | None = None) -> None:
        self._questions: SimpleQueue[tuple[Callable[[Resource], Any], Future[Any]] | None] = SimpleQueue()
        self.opened: Future[Resource] = Future()
        self._running: Future[Any] | None = None
        self._check = check
        self._close: Callable[[Resource], None] | None = None
        self._changing = threading.Lock()  # of the running question: an interrupt must not hit the next one
        threading.Thread(target=self._run, args=(open_resource,), name="gluscope-reader", daemon=True).start()

    def ask(self, question: Callable[[Resource], Result]) -> Future[Result]:
        """A future of the answer; it raises the error of the question or of the opening."""
        answer: Future[Result] = Future()
        self._questions.put((question, answer))
        return answer

    def give_up(self, answer: Future[Any], interrupt: Callable[[Resource], None]) -> None:
        """Cancel a question that nothing waits for any longer: drop it before its turn, or interrupt it."""
        if answer.cancel():
            return
        with self._changing:
            if self._running is answer and self.opened.exception() is None:
                interrupt(self.opened.result())

    def stop(self, close: Callable[[Resource], None] | None = None) -> None:
        """Let the thread end once it has answered all questions, and close what it opened."""
        self._close = close
        self._questions.put(None)

    def _run(self, open_resource: Callable[[], Resource]) -> None:
        self.opened.set_running_or_notify_cancel()  # from here on it can't be cancelled
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
                self._check(opened)  # `check` may know why
            raise
        else:
            if self._check is not None:
                self._check(opened)
            return answer
        finally:
            with self._changing:
                self._running = None


def _answer(future: Future[Any], question: Callable[[], Any]) -> None:
    """Answer a question; the future hands any error to the caller."""
    try:
        future.set_result(question())
    except BaseException as error:
        future.set_exception(error)
