"""What one document may cost before its work is stopped."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Budget(BaseModel):
    """Limits per document. Wall time is only a last, generous stop: a busy host is not the document's fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_seconds_base: Annotated[
        float, Field(gt=0, description="CPU seconds granted before the page count is known")
    ] = 60
    cpu_seconds_per_page: Annotated[float, Field(gt=0, description="CPU seconds granted for each page on top")] = 60
    stall_seconds: Annotated[
        float, Field(gt=0, description="Seconds without any CPU use before work counts as hung")
    ] = 60
    wall_seconds: Annotated[float, Field(gt=0, description="Last stop, in wall seconds, for the whole document")] = (
        14_400
    )
    memory_megabytes: Annotated[int, Field(gt=0, description="Memory (PSS) of the work on one document")] = 2_048
    output_megabytes: Annotated[int, Field(gt=0, description="Largest single file that the work may write")] = 2_048
    max_megabytes: Annotated[int, Field(gt=0, description="Largest input")] = 1_024
    max_pages: Annotated[int, Field(gt=0, description="Most pages in one document")] = 5_000
    max_megapixels: Annotated[
        float, Field(gt=0, description="Largest single image or page raster, in millions of pixels")
    ] = 250
    max_decompressed_megabytes: Annotated[
        int, Field(gt=0, description="Most that the streams of one page, other than images, may decompress to")
    ] = 256
