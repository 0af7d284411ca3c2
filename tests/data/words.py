"""A made-up science for these tests: words. Some of them are hostile."""

from __future__ import annotations

import os
import signal
import time

import numpy as np


def parse_and_measure(texts: list[str]) -> list:
    return [_one(text.strip()) for text in texts]


def _one(word: str):
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "hang":
        time.sleep(60)
    if word == "raise":
        raise ValueError("a broken word")
    if not word.isascii() or not word.isalpha():
        return "not a word"
    return word, word.lower(), np.array([len(word), sum(letter in "aeiou" for letter in word.lower())]), None


def encode(words: list[str]) -> list:
    return ["too long" if len(word) > 12 else np.frombuffer(word.encode(), np.uint8) for word in words]


def double(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 11:
        time.sleep(60)
    if number == 13:
        raise ValueError("thirteen")
    return 2 * number


def slow_sum(numbers: list[int]) -> int:
    time.sleep(0.5)
    return sum(numbers)


def where(_: int) -> tuple[int, str, str]:
    return os.getpid(), os.getcwd(), os.environ.get("SCIENCEGEN_TEST_WORD", "")


def sign_in_and_hang(path: str) -> None:
    with open(path, "w") as handle:
        handle.write(f"{os.getpid()}\n")
    time.sleep(600)


class LoadsInOneProcess:
    """A function that the fork server can load, and no worker of it."""

    def __call__(self, number: int) -> int:
        return number

    def __reduce__(self) -> tuple:
        return _load, ()


_loaded_in: list[int] = []


def _load() -> LoadsInOneProcess:
    if os.getpid() not in _loaded_in and _loaded_in:
        raise ValueError("no dictionary")
    _loaded_in.append(os.getpid())
    return LoadsInOneProcess()
