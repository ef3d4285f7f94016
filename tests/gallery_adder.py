"""A process that adds made-up tracklets, and says what was acknowledged: `gallery_adder.py GALLERY FIRST COUNT STEP [EXACT]`."""

import os
import sys
import time
from pathlib import Path

from made_gallery import FINGERPRINT, record, vectors
from stca.gallery import Gallery, embedded

if __name__ == "__main__":
    folder, first, count, step = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    if len(sys.argv) > 5:
        embedded.EXACT_VALUES = int(sys.argv[5])
    rows = vectors(max(4000, first + count))
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        print("open", flush=True)
        for start in range(first, first + count, step):
            numbers = range(start, min(start + step, first + count))
            done = gallery.add([record(i) for i in numbers], rows[numbers.start : numbers.stop])
            print(numbers.stop, done.skipped, flush=True)
            time.sleep(float(os.environ.get("ADDER_PAUSE", "0")))
            if len(sys.argv) > 5:
                gallery.refresh()
