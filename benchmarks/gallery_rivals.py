"""The systems that the gallery is compared with: functions from (query, camera or None) to row numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gallery_vectors import CAMERAS, Data, K

from stca.gallery import Gallery

Search = Callable[[np.ndarray, int | None], list[int]]


def ours(gallery: Gallery) -> Search:
    def search(query: np.ndarray, camera: int | None) -> list[int]:
        hits = gallery.search(query, K, cameras=None if camera is None else (f"cam{camera}",))
        return [int(hit.key) for hit in hits]

    return search


def faiss_index(data: Data, factory: str) -> Any:
    import faiss

    index = faiss.index_factory(data.rows.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        step = max(1, len(data.rows) // (64 * index.nlist))
        index.train(np.ascontiguousarray(data.rows[::step]))
    for start in range(0, len(data.rows), 20_000):
        index.add(np.ascontiguousarray(data.rows[start : start + 20_000]))
    return index


def faiss_search(index: Any, data: Data, probes: int | None) -> Search:
    import faiss

    # `bits` must outlive the selectors, which only point to it
    bits = [np.packbits(data.camera == camera, bitorder="little") for camera in range(CAMERAS)]
    chosen = [faiss.IDSelectorBitmap(len(each), faiss.swig_ptr(each)) for each in bits]

    def search(query: np.ndarray, camera: int | None) -> list[int]:
        selector = chosen[camera] if bits and camera is not None else None
        if probes is None:
            parameters = faiss.SearchParameters(sel=selector)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        return index.search(query[None], K, params=parameters)[1][0].tolist()

    return search


def lance_table(data: Data, folder: Path) -> Any:
    import lancedb
    import pyarrow as pa

    dim = data.rows.shape[1]

    def batches() -> Iterator[Any]:
        for start in range(0, len(data.rows), 10_000):
            some = np.asarray(data.rows[start : start + 10_000])
            ids = pa.array(np.arange(start, start + len(some)))
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(some.ravel()), dim)
            cameras = pa.array(data.camera[start : start + len(some)])
            yield pa.RecordBatch.from_arrays([ids, cameras, vectors], names=["id", "camera", "vector"])

    schema = pa.schema([("id", pa.int64()), ("camera", pa.int64()), ("vector", pa.list_(pa.float32(), dim))])
    table = lancedb.connect(folder).create_table("gallery", batches(), schema=schema)
    table.create_index(metric="cosine", vector_column_name="vector", index_type="IVF_PQ")
    table.create_scalar_index("camera", index_type="BITMAP")
    return table


def lance_search(table: Any, probes: int) -> Search:
    """Its codes are coarse, so the number of re-ranked candidates grows with the number of lists."""

    def search(query: np.ndarray, camera: int | None) -> list[int]:
        found = table.search(query).distance_type("cosine").nprobes(probes).refine_factor(probes)
        if camera is not None:
            found = found.where(f"camera = {camera}", prefilter=True)
        return found.select(["id", "_distance"]).limit(K).to_arrow()["id"].to_pylist()

    return search
