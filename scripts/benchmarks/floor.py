"""The floor: CPU of Tesseract alone on page images, in process, with one thread and its models loaded.

`python -m scripts.benchmarks.floor FILE...` prints its CPU seconds; `measure_floor` runs one such process per core, so
that the cores are as busy as in a run.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared.sandbox.process import render_environment


def measure_floor(images: Sequence[Path], cores: int) -> float:
    """CPU seconds of all processes together, without imports and loading."""
    shares = [list(map(str, images[start::cores])) for start in range(cores)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", __spec__.name, *share], stdout=subprocess.PIPE, text=True, env=render_environment()
        )
        for share in shares
        if share
    ]
    told = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError("the bare recogniser failed; its message is above")
    return sum(map(float, told))


def recognise(images: Sequence[str]) -> float:
    import tesserocr  # noqa: PLC0415 - the bench itself runs without

    from flows.ocr_intake.models import find_data_folder  # noqa: PLC0415

    folder = f"{find_data_folder()}/"
    with tesserocr.PyTessBaseAPI(path=folder, lang="eng", psm=tesserocr.PSM.AUTO) as reader:
        started = time.process_time()
        for image in images:
            reader.SetImageFile(image)
            reader.Recognize()
            reader.GetUTF8Text()
            reader.Clear()
            reader.ClearAdaptiveClassifier()
        return time.process_time() - started


if __name__ == "__main__":
    print(recognise(sys.argv[1:]))
