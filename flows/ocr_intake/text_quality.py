"""Whether the words that a page brings along look like words: a cheap sign that a page deserves a closer look.

Rules after W. Kulp and A. Kontostathis, "On Retrieving Legal Files: Shortening Documents and Weeding Out Garbage"
(TREC 2007), without those that call long words, numbers or abbreviations garbage. Only Latin letters are judged.
"""

import re
import unicodedata
from itertools import pairwise

VOWELS = frozenset("aeiouy")
LETTERS_JUDGED = 4
WORDS_JUDGED = 10
"""Fewer say nothing of a page."""
GARBAGE_SHARE = 0.12
"""Of judged words. Measured: letters, filings and invoices have up to 0.08, text under a font whose codes map to the
wrong letters 0.18 to 0.5."""

_REPEATED = re.compile(r"(.)\1{3}")
_EDGES = re.compile(r"^\W+|\W+$")
_JOINTS = re.compile(r"[^\w]")


def looks_wrong(text: str) -> bool:
    judged = [word for token in text.split() if _is_judged(word := _EDGES.sub("", token))]
    return len(judged) >= WORDS_JUDGED and sum(map(is_garbage, judged)) / len(judged) >= GARBAGE_SHARE


def is_garbage(word: str) -> bool:
    """No word of a language in Latin letters looks like this; `word` comes without the punctuation around it."""
    return any(map(_is_garbled, filter(None, _JOINTS.split(word))))


def _is_garbled(part: str) -> bool:
    plain = "".join(c for c in unicodedata.normalize("NFKD", part) if not unicodedata.combining(c))
    letters = [letter for letter in plain if letter.isalpha()]
    if _REPEATED.search("".join(letters)):
        return True
    if sum(before.islower() and after.isupper() for before, after in pairwise(plain)) > 1:
        return True
    vowels = sum(letter.casefold() in VOWELS for letter in letters)
    return len(letters) >= LETTERS_JUDGED and not len(letters) / 9 <= vowels < len(letters)


def _is_judged(word: str) -> bool:
    letters = [character for character in word if character.isalpha()]
    return (
        len(letters) >= LETTERS_JUDGED
        and 2 * len(letters) > len(word)
        and all("LATIN" in unicodedata.name(letter, "") for letter in letters)
    )
