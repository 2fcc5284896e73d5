"""The text of a window: whole characters, each with the token that holds its first byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.database.read.spans import window_text

FAMILY = "👩\u200d🔬".encode()


def _units(data: bytes) -> list[tuple[str, int, int]]:
    """Characters and maximal invalid parts with the bytes they take, by trying every length."""
    found = []
    place = 0
    while place < len(data):
        text, size = "\ufffd", 1
        for length in (1, 2, 3, 4):
            piece = data[place : place + length]
            try:
                text, size = piece.decode(), len(piece)
                break
            except UnicodeDecodeError:
                pass
            if not _begins_a_character(piece):
                break
            size = len(piece)
        found.append((text, place, place + size))
        place += size
    return found


def _begins_a_character(piece: bytes) -> bool:
    """Whether more bytes could make a character of these, found by trying: the second byte's range varies."""
    for second in (b"\x80", b"\x90", b"\xa0"):
        for more in (1, 2, 3):
            whole = piece + (second + b"\x80\x80")[:more] if len(piece) == 1 else piece + b"\x80" * more
            try:
                if len(whole.decode()) == 1:
                    return True
            except UnicodeDecodeError:
                continue
    return False


def _expected(tokens: list[bytes], start: int, stop: int) -> list[str]:
    """The definition: of the whole sequence's characters those that the window holds a byte of."""
    edges = [0]
    for token in tokens:
        edges.append(edges[-1] + len(token))
    texts = [""] * (stop - start)
    for text, first, end in _units(b"".join(tokens)):
        holders = [t for t in range(start, stop) if max(first, edges[t]) < min(end, edges[t + 1])]
        if holders:
            texts[holders[0] - start] += text
    return texts


PIECES = st.one_of(
    st.text(max_size=3).map(str.encode),
    st.binary(max_size=4),
    st.sampled_from(
        [b"\xe2", b"\x82", b"\xac", b"\xf0\x9f", b"\x99\x82", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90", b""]
    ),
)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(PIECES, min_size=1, max_size=12), st.data())
def test_a_window_shows_the_characters_of_the_sequence_that_it_holds_a_byte_of(
    tokens: list[bytes], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(tokens) - 1))
    stop = data.draw(st.integers(start + 1, len(tokens)))
    found = window_text(tokens[:start], tokens[start:stop], tokens[stop:])
    assert list(found) == _expected(tokens, start, stop)


@given(st.lists(PIECES, max_size=12))
def test_the_tokens_of_a_sequence_join_to_its_decoded_bytes(tokens: list[bytes]) -> None:
    assert "".join(window_text([], tokens)) == b"".join(tokens).decode(errors="replace")


@given(st.text(min_size=1, max_size=20), st.data())
def test_text_that_is_cut_anywhere_comes_out_without_a_replacement(text: str, data: st.DataObject) -> None:
    encoded = text.replace("\ufffd", "x").encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(encoded)), max_size=8)))
    tokens = [encoded[a:b] for a, b in zip([0, *cuts], [*cuts, len(encoded)], strict=True)]
    start = data.draw(st.integers(0, len(tokens) - 1))
    assert "\ufffd" not in "".join(window_text(tokens[:start], tokens[start : start + 1], tokens[start + 1 :]))


@pytest.mark.parametrize(
    ("before", "window", "after", "expected"),
    [
        ([], [b"caf\xc3", b"\xa9"], [], ("café", "")),
        ([b"caf\xc3"], [b"\xa9 au"], [], ("é au",)),
        ([], [b"caf\xc3"], [b"\xa9 au"], ("café",)),
        ([b"\xf0"], [b"\x9f", b"\x99"], [b"\x82"], ("🙂", "")),
        ([], [b"a", b"\xff", b"b"], [], ("a", "\ufffd", "b")),
        ([], [b"\xe2\x82", b"A"], [], ("\ufffd", "A")),
        ([b"\xe2"], [b"", b"\x82\xac"], [], ("", "€")),
        ([], [FAMILY[:5], FAMILY[5:]], [], ("👩\u200d", "🔬")),
        ([], [b""], [b"x"], ("",)),
    ],
)
def test_a_cut_character_belongs_to_the_first_token_of_the_window_that_holds_a_part(
    before: list[bytes], window: list[bytes], after: list[bytes], expected: tuple[str, ...]
) -> None:
    assert window_text(before, window, after) == expected


def test_a_long_run_of_invalid_bytes_is_read_in_blocks() -> None:
    tokens = [b"\xff\x80", b"\xe2\x82\xac", b"a"] * 20_000
    found = window_text([], tokens)
    assert found == ("\ufffd\ufffd", "€", "a") * 20_000
