"""Tesseract's language data: where it is, what is installed, which version of it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from shared.errors import ConfigError

# Debian and Ubuntu, Fedora, Alpine and Homebrew, a build from source.
DATA_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",  # Tesseract 4 and 5 read the same files.
    "/usr/share/tesseract/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
NOT_LANGUAGES = frozenset({"osd", "equ"})
"""Models that find orientation and equations; they read nothing."""


def find_data_folder() -> Path:
    """The folder of `*.traineddata`: TESSDATA_PREFIX where set, else the usual places in order.

    Raises ConfigError where there is none.
    """
    named = os.environ.get("TESSDATA_PREFIX")
    for folder in map(Path, [named] if named else DATA_FOLDERS):
        if any(folder.glob("*.traineddata")):
            return folder
    raise ConfigError(
        f"no Tesseract language data in {named or ', '.join(DATA_FOLDERS)}; "
        "on Debian and Ubuntu: apt-get install tesseract-ocr-eng tesseract-ocr-osd"
    )


def find_languages(folder: Path) -> frozenset[str]:
    return frozenset(path.stem for path in folder.glob("*.traineddata")) - NOT_LANGUAGES


def check_languages(languages: Sequence[str], folder: Path) -> None:
    """Raises ConfigError that names the languages at hand and the package that brings the missing one."""
    installed = find_languages(folder)
    missing = [language for language in languages if language not in installed]
    if missing:
        packages = " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in missing)
        raise ConfigError(
            f"no language data for {', '.join(missing)} in {folder}; installed: {', '.join(sorted(installed))}; "
            f"on Debian and Ubuntu: apt-get install {packages}"
        )


def has_orientation_model(folder: Path) -> bool:
    return (folder / "osd.traineddata").is_file()


def compute_model_version(languages: Sequence[str], folder: Path) -> str:
    """`eng:1a2b3c4d+deu:...`: the data files carry no version of their own, so their digests stand for one."""
    return "+".join(f"{language}:{_digest(folder / f'{language}.traineddata')}" for language in languages)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:8]
