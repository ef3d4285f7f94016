"""Rankings written down one by one: what the fast code must agree with."""

from __future__ import annotations

import numpy as np

from stca.ranking import Protocol


def slow_rank(distances, query, gallery, protocol: Protocol):
    """Plain loops. Returns one (AP, rank of first answer, INP, person) per scored query, in order."""
    scored = []
    for q in range(len(query)):
        person, camera = query.person_ids[q], query.camera_ids[q]
        if person < 0:
            continue
        listed = []
        for g in range(len(gallery)):
            other = gallery.person_ids[g]
            if other < 0 or (other == 0 and protocol.distractors == "drop"):
                continue
            same_person = other == person and person > 0
            if protocol.left_out == "same-camera":
                left_out = same_person and gallery.camera_ids[g] == camera
            else:
                left_out = same_person and gallery.keys[g] == query.keys[q]
            if not left_out:
                # Right rows after wrong ones of the same distance.
                listed.append((distances[q][g], bool(same_person)))
        listed.sort()
        right = [is_right for _, is_right in listed]
        if not any(right):
            if protocol.unanswerable == "zero":
                scored.append((0.0, 0, 0.0, person))
            continue
        scored.append((*slow_measures(right, protocol.average_precision), person))
    return scored


def slow_measures(right, rule):
    total, found, before, last = 0.0, 0, 1.0, 0
    for place, is_right in enumerate(right, start=1):
        found += is_right
        precision = found / place
        if is_right:
            total += precision if rule == "step" else (before + precision) / 2
            last = place
        before = precision
    return total / sum(right), right.index(True) + 1, sum(right) / last


def slow_distances(query, gallery, metric):
    """In float64, on small whole numbers exactly so (up to the last square root)."""
    x, y = query.vectors.astype(np.float64), gallery.vectors.astype(np.float64)
    if metric == "euclidean":
        return [[round(float(((a - b) ** 2).sum()), 9) for b in y] for a in x]
    rows = []
    for a in x:
        lengths = [np.sqrt((a @ a) * (b @ b)) for b in y]
        rows.append(
            [round(1 - float(a @ b) / n, 9) if n > 0 else 1.0 for b, n in zip(y, lengths, strict=True)]
        )
    return rows
