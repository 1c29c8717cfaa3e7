"""Which share of a page's true words was read."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from shared.verification import open_rendering, read_texts

_WORD = re.compile(r"[^\W_]{2,}")


def find_recall(truth: str, text: str) -> float:
    """Of the words in `truth`, with repetitions; case and punctuation do not count."""
    expected, found = (Counter(_WORD.findall(words.casefold())) for words in (truth, text))
    return (expected & found).total() / max(1, expected.total())


def read_truths(folder: Path) -> dict[str, str]:
    """Name of a page image in the folder -> its text, from the `.txt` of the same name."""
    pages = {path.stem: path.name for path in sorted(folder.iterdir()) if path.suffix != ".txt"}
    texts = {path.stem: path for path in folder.glob("*.txt")}
    return {pages[stem]: texts[stem].read_text("utf-8", "replace") for stem in sorted(pages.keys() & texts.keys())}


def mean_recall(truths: Mapping[str, str], outputs: Path) -> float:
    """Over pages; `outputs` holds a PDF for each, named after it with `.pdf` behind."""
    recalls = []
    for name, truth in truths.items():
        output = outputs / f"{name}.pdf"
        text = ""
        if output.is_file():
            with open_rendering(output) as document:
                text = "\n".join(read_texts(document))
        recalls.append(find_recall(truth, text))
    return sum(recalls) / len(recalls)
