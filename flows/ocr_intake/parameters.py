"""What a user of the workflow may choose; Prefect's form shows titles and descriptions."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Mode(StrEnum):
    SKIP = "skip"
    REDO = "redo"
    FORCE = "force"


class PdfaLevel(StrEnum):
    NONE = "none"
    A1B = "1b"
    A2B = "2b"
    A3B = "3b"


class Rotate(StrEnum):
    AUTO = "auto"
    NEVER = "never"


class Recognition(StrEnum):
    LIBRARY = "library"
    PROGRAM = "program"


class Parameters(BaseModel):
    """Same input, same parameters, same engines: same result."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)

    languages: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            title="Languages",
            description="Tesseract's names, the most frequent first: eng, deu, fra. Each needs its data installed",
        ),
    ] = ("eng",)
    mode: Annotated[
        Mode,
        Field(
            title="Pages that have text already",
            description="skip: leave them as they are. redo: replace an old OCR layer. force: draw every page as an "
            "image and read that",
        ),
    ] = Mode.SKIP
    pdfa: Annotated[
        PdfaLevel,
        Field(
            title="PDF/A level",
            description="Claimed only where the result passes validation; otherwise a plain PDF is left and says so",
        ),
    ] = PdfaLevel.A2B
    assume_dpi: Annotated[
        int,
        Field(
            ge=50,
            le=1200,
            title="Assumed resolution (dpi)",
            description="For images that state no resolution, or one that no scanner has",
        ),
    ] = 300
    rotate: Annotated[
        Rotate,
        Field(title="Turn pages", description="auto: turn a page upright where it reads badly as it lies"),
    ] = Rotate.AUTO
    recognition: Annotated[
        Recognition,
        Field(
            title="How Tesseract is reached",
            description="library: in this process, fast. program: the tesseract on the PATH, where tesserocr has no "
            "wheel or another version is wanted",
        ),
    ] = Recognition.LIBRARY
    review_below_confidence: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            title="Review below confidence",
            description="A document goes to review when the mean word confidence of its recognised pages is lower, or "
            "that of one page by 15 more",
        ),
    ] = 75
