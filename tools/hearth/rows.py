"""Documents become rows of ids: every row starts with a document, documents end with `<|endoftext|>`, the rest of a row is empty."""
from collections import deque
from typing import Iterable, Iterator

import numpy as np
from tokenizers import Tokenizer

from .text import Doc

WAITING = 64                             # documents to choose from when a row has a gap left


def encode(tok: Tokenizer, docs: list[Doc]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(ids, weights) of each document, its end included. Segments start where a word starts, so their ids are the document's own."""
    spans = [(d, w, t) for d, doc in enumerate(docs) for t, w in doc]
    codes = tok.encode_batch_fast([t for _, _, t in spans], add_special_tokens=False)
    at = 0
    for doc in docs:
        mine = range(at, at + len(doc)); at += len(doc)
        ids = [i for s in mine for i in codes[s].ids]
        weights = [spans[s][1] for s in mine for _ in codes[s].ids]
        yield np.array([*ids, 0], np.uint16), np.array([*weights, 1.0], np.float16)


def pack(coded: Iterable[tuple[np.ndarray, np.ndarray]], length: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of `length`, each the first waiting document and then whatever fits best; nothing is cut but what is longer than a row."""
    coded, waiting = iter(coded), deque()
    while True:
        while len(waiting) < WAITING and (doc := next(coded, None)) is not None: waiting.append(doc)
        if not waiting: return
        ids, weights = np.zeros(length, np.uint16), np.zeros(length, np.float16)
        at, best = 0, 0
        while best is not None:
            a, w = waiting[best]; del waiting[best]
            n = min(len(a), length - at)
            ids[at:at + n], weights[at:at + n] = a[:n], w[:n]
            at += n
            fitting = [i for i, (x, _) in enumerate(waiting) if len(x) <= length - at]
            best = max(fitting, key=lambda i: len(waiting[i][0]), default=None) if length - at < 48 else (fitting[0] if fitting else None)
        yield ids, weights


def rows(tok: Tokenizer, docs: list[Doc], length: int) -> tuple[np.ndarray, np.ndarray]:
    packed = list(pack(encode(tok, docs), length))
    return np.stack([p[0] for p in packed]), np.stack([p[1] for p in packed])
