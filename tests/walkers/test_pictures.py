"""What is drawn: skeletons, surfaces, projection, hidden surfaces, nuisances and twins."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import ttest_ind

from stca.walkers import Nuisances
from stca.walkers.filming import footage, renderer, walks
from stca.walkers.people import body, people
from stca.walkers.people.gait import BONE_INDEX, BONES, Gait, pose
from stca.walkers.people.looks import Build
from stca.walkers.people.surfaces import Patch, loft, sew
from stca.walkers.places import cameras, scenes

angles = st.floats(0, 2 * np.pi)
seeds = st.integers(0, 2**32 - 1)
PLAIN = Nuisances.none()
SIZE = (64, 32)


def camera(nuisances: Nuisances = PLAIN, index: int = 0) -> cameras.Camera:
    return cameras.draw_camera(np.random.default_rng(index), index, 4, nuisances)


def film(walker: people.Walker, seed: int, *, frames: int = 1, nuisances: Nuisances = PLAIN) -> np.ndarray:
    crops = footage.film(
        np.random.default_rng(seed),
        walker,
        camera(nuisances, seed % 4),
        frames=frames,
        size=SIZE,
        nuisances=nuisances,
        passers_by=lambda number: people.draw_walker(np.random.default_rng(number)),
    )
    return np.stack(crops).astype(np.float32) / 255


@given(seed=seeds, phase=angles)
def test_bones_turn_rigidly_and_the_lower_foot_stands_on_the_ground(seed: int, phase: float) -> None:
    walker = people.draw_walker(np.random.default_rng(seed))
    gait = dataclasses.replace(walker.gait, bounce=0.0)
    joints = body.skeleton(walker.build)
    bones = pose(gait, joints, phase)
    rotations = bones[:, :, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (len(BONES), 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-5)
    np.testing.assert_allclose(pose(gait, joints, phase + 2 * np.pi), bones, atol=1e-4)
    # Bones stay joined: a shin's upper end is where the thigh's lower end is.
    for side in "lr":
        knee = np.append(joints[BONE_INDEX[f"shin_{side}"]], 1)
        ends = [bones[BONE_INDEX[f"{name}_{side}"]] @ knee for name in ("thigh", "shin")]
        np.testing.assert_allclose(*ends, atol=1e-5)
    ankles = [
        (bones[BONE_INDEX[f"foot_{s}"]] @ np.append(joints[BONE_INDEX[f"foot_{s}"]], 1))[1] for s in "lr"
    ]
    assert 0.02 < min(ankles) < 0.25


@given(phase=angles)
def test_left_and_right_mirror_each_other_half_a_stride_later(phase: float) -> None:
    joints = body.skeleton(Build())
    gait = Gait()
    mirror = np.array([-1, 1, 1], np.float32)
    now, later = pose(gait, joints, phase), pose(gait, joints, phase + np.pi)
    for name, twin in (("foot_l", "foot_r"), ("forearm_l", "forearm_r"), ("head", "head")):
        a = now[BONE_INDEX[name]] @ np.append(joints[BONE_INDEX[name]], 1)
        b = later[BONE_INDEX[twin]] @ np.append(joints[BONE_INDEX[twin]], 1)
        np.testing.assert_allclose(a, b * mirror, atol=1e-4)


def test_feet_do_not_slide_much_when_the_pace_is_the_gaits_own() -> None:
    gait, joints = Gait(bounce=0.0, sway=0.0), body.skeleton(Build())
    pace = gait.speed(0.5 * 1.70)
    assert 1.0 < pace < 1.5
    times = np.linspace(0.15, 0.45, 10) / gait.frequency  # the left foot carries the weight
    foot = joints[BONE_INDEX["foot_l"]]
    places = [
        (pose(gait, joints, 2 * np.pi * gait.frequency * t)[BONE_INDEX["foot_l"]] @ np.append(foot, 1))[2]
        + pace * t
        for t in times
    ]
    assert np.ptp(places) < 0.35 * pace * np.ptp(times)


def test_a_lofted_ball_is_round_and_its_normals_point_outward() -> None:
    up = np.linspace(-1, 1, 41)
    ring = np.sqrt(1 - up**2)
    points, normals = loft([(y, r, r, 0.5, -0.25) for y, r in zip(up, ring, strict=True)], 0.05)
    outward = points - np.array([0.5, 0, -0.25], np.float32)
    np.testing.assert_allclose(np.linalg.norm(outward, axis=1), 1, atol=0.03)
    inner = np.abs(outward[:, 1]) < 0.9
    assert ((outward * normals).sum(axis=1)[inner] > 0.97).all()


def test_posing_equals_blending_every_point_by_itself() -> None:
    rng = np.random.default_rng(0)
    shares = rng.choice([0.0, 0.3, 1.0], 50)
    patches = [
        Patch(*(rng.normal(size=(50, 3)).astype(np.float32) for _ in range(3)), ("spine", "head"), np.stack([1 - shares, shares], 1).astype(np.float32)),
        Patch(*(rng.normal(size=(20, 3)).astype(np.float32) for _ in range(3)), ("head",), np.ones((20, 1), np.float32)),
    ]  # fmt: skip
    bones = rng.normal(size=(len(BONES), 3, 4)).astype(np.float32)
    surface = sew(patches)
    points, normals = surface.posed(bones)
    for patch in patches:
        for point, normal, albedo, share in zip(
            patch.points, patch.normals, patch.albedo, patch.shares, strict=True
        ):
            matrix = sum(w * bones[BONE_INDEX[name]] for w, name in zip(share, patch.bones, strict=True))
            (column,) = np.flatnonzero((surface.albedo == albedo).all(axis=1))
            np.testing.assert_allclose(points[:, column], matrix @ np.append(point, 1), atol=1e-4)
            np.testing.assert_allclose(normals[:, column], matrix[:, :3] @ normal, atol=1e-4)


@given(seed=seeds, x=st.floats(-3, 3), z=st.floats(4, 12))
def test_ground_is_the_inverse_of_project(seed: int, x: float, z: float) -> None:
    eye = cameras.draw_camera(np.random.default_rng(seed), 0, 4, Nuisances())
    columns, rows, _ = eye.project(np.array([[x, 0, z]], np.float32)).T
    np.testing.assert_allclose(np.ravel(eye.ground(rows, columns)), (x, z), atol=0.02)


def test_the_nearest_point_wins_as_in_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    rows = np.arange(400)
    seen = renderer._Seen(
        rows,
        rng.integers(0, 60, 400),
        rng.permutation(400).astype(np.float32),
        np.zeros((3, 400), np.float32),
    )
    fast = renderer._nearest(seen, 64)
    slow = np.full(64, -1)
    best = np.full(64, np.inf)
    for row, pixel, depth in zip(rows, seen.pixels, seen.depth, strict=True):
        if depth < best[pixel]:
            slow[pixel], best[pixel] = row, depth
    np.testing.assert_array_equal(fast, slow)


def paint(canvas: np.ndarray, walker: people.Walker, z: float, eye: cameras.Camera) -> np.ndarray:
    surface = body.dress(walker.build, walker.outfit, spacing=0.008)
    standing = renderer.Standing(0.0, z, np.pi / 2)
    bones = renderer.place_bones(pose(walker.gait, body.skeleton(walker.build), 0.3), standing)
    return renderer.paint_person(canvas, surface, bones, camera=eye, window=cameras.WHOLE, light=eye.light)


def test_a_person_covers_a_plausible_part_of_a_whole_picture() -> None:
    eye = camera()
    walker = people.draw_walker(np.random.default_rng(3))
    canvas = np.full((*cameras.FRAME, 3), 0.25, np.float32)
    coverage = paint(canvas, walker, eye.distance, eye)
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    top, foot = eye.project(
        np.array([[0, walker.build.height, eye.distance], [0, 0, eye.distance]], np.float32)
    )[:, 1]
    assert abs(rows[0] - top) < 0.08 * (foot - top)
    assert abs(rows[-1] - foot) < 0.08 * (foot - top)
    assert 0.15 < np.ptp(columns) / np.ptp(rows) < 0.7
    # No holes: the body's middle is covered everywhere.
    middle = coverage[int(top + 0.25 * (foot - top)) : int(top + 0.5 * (foot - top)), 476:484]
    assert middle.min() > 0.99
    assert (canvas[coverage == 0] == 0.25).all()


def test_a_window_beyond_the_scene_shows_its_edge_going_on() -> None:
    rng = np.random.default_rng(0)
    whole = Image.fromarray(rng.integers(0, 256, (80, 120, 3), dtype=np.uint8))
    margin = scenes.MARGIN
    padded = np.pad(np.asarray(whole), ((50, 50), (50, 50), (0, 0)), mode="edge").astype(np.float32) / 255
    for left, top in ((-40, -30), (60, 20), (100, 70), (10, 10)):
        window = cameras.Window(left - margin, top - margin, 40, 30, (30, 40))
        expected = padded[top + 50 : top + 80, left + 50 : left + 90] ** 2
        np.testing.assert_allclose(scenes.cut(whole, window), expected, atol=0.01)


@pytest.mark.parametrize("dial", [f.name for f in dataclasses.fields(Nuisances)])
def test_every_dial_changes_the_pictures(dial: str) -> None:
    walker = people.draw_walker(np.random.default_rng(1))
    clean = [film(walker, seed, frames=2) for seed in range(4)]
    harder = [
        film(walker, seed, frames=2, nuisances=dataclasses.replace(PLAIN, **{dial: 3.0})) for seed in range(4)
    ]
    assert any(np.abs(a - b).max() > 0.02 for a, b in zip(clean, harder, strict=True))


def test_without_nuisances_only_the_walking_changes() -> None:
    walker = people.draw_walker(np.random.default_rng(1))
    frames = film(walker, 0, frames=4)
    assert np.abs(frames[:, :4, :4] - frames[0, 0, 0]).max() < 0.02  # plain grey corners, no noise
    assert np.abs(np.diff(frames, axis=0)).max() > 0.1


def test_a_person_is_more_alike_than_others_across_cameras() -> None:
    """Mean colours of a 4 x 2 grid find the person more often than chance, and not always."""
    nuisances = Nuisances(occlusion=0)
    walkers = [people.draw_walker(np.random.default_rng(k)) for k in range(8)]
    grids = np.stack(
        [[film(w, 4 * k + c, nuisances=nuisances)[0].reshape(4, 16, 2, 16, 3).mean((1, 3)).ravel() for c in (0, 1)] for k, w in enumerate(walkers)]
    )  # fmt: skip
    grids -= grids.mean(axis=0)  # each camera's own cast
    away = np.linalg.norm(grids[:, None, 0] - grids[None, :, 1], axis=2)
    ranks = (away < np.diag(away)[:, None]).sum(axis=1)
    assert ranks.mean() < 2.5  # chance: 3.5


@pytest.fixture(scope="module")
def twins() -> list[tuple[people.Walker, people.Walker]]:
    pairs = [people.draw_twins(np.random.default_rng(seed)) for seed in range(12)]
    return [pair if pair[0].gait.frequency < pair[1].gait.frequency else (pair[1], pair[0]) for pair in pairs]


def test_twins_differ_in_the_frequency_of_their_strides_only(
    twins: list[tuple[people.Walker, people.Walker]],
) -> None:
    for slow, fast in twins:
        assert dataclasses.replace(slow, gait=fast.gait) == fast
        assert dataclasses.replace(slow.gait, frequency=fast.gait.frequency) == fast.gait
        assert fast.gait.frequency > 1.7 * slow.gait.frequency
        assert slow.pace is not None


def test_no_single_frame_tells_twins_apart(twins: list[tuple[people.Walker, people.Walker]]) -> None:
    """With the same random numbers their first frames are the same picture, whatever the nuisances."""
    for seed, (slow, fast) in enumerate(twins[:4]):
        np.testing.assert_array_equal(
            film(slow, seed, nuisances=Nuisances()), film(fast, seed, nuisances=Nuisances())
        )


def test_any_frame_of_a_twin_has_a_uniformly_random_phase() -> None:
    walker = people.draw_twins(np.random.default_rng(0))[0]
    rng = np.random.default_rng(1)
    many = [
        walks.draw_walk(rng, walker, start=(0.0, 8.0), heading=0.0, frames=8, middle=3.5) for _ in range(400)
    ]
    for t in (0, 3, 7):
        phases = np.array([walk.phases[t] for walk in many])
        assert abs(np.exp(1j * phases).mean()) < 0.12
        assert abs(np.exp(2j * phases).mean()) < 0.12


def test_time_tells_twins_apart_and_pooled_frames_do_not(
    twins: list[tuple[people.Walker, people.Walker]],
) -> None:
    nuisances = dataclasses.replace(PLAIN, viewpoint=1.0, misalignment=0.5, noise=1.0, colour=1.0)
    clips = {
        speed: [film(pair[index], 100 * k + r, frames=8, nuisances=nuisances) for k, pair in enumerate(twins) for r in range(2)]
        for index, speed in enumerate(("slow", "fast"))
    }  # fmt: skip

    def compare(statistic) -> float:  # type: ignore[no-untyped-def]
        values = [np.array([statistic(clip) for clip in clips[speed]]) for speed in ("slow", "fast")]
        return float(ttest_ind(*values).pvalue)

    legs = (slice(None), slice(32, None))
    assert compare(lambda clip: clip.mean()) > 0.05
    assert compare(lambda clip: clip[legs].std(axis=(1, 2)).mean()) > 0.05
    assert compare(lambda clip: np.abs(np.diff(clip[legs], axis=2)).mean()) > 0.05
    motion = {
        speed: np.array(
            [np.abs(np.diff(clip[legs], axis=0)).mean() / clip[legs].std() for clip in clips[speed]]
        )
        for speed in clips
    }
    assert (motion["fast"][:, None] > motion["slow"][None, :]).mean() > 0.8
    within_four = {
        speed: np.array(
            [np.abs(np.diff(clip[legs][:4], axis=0)).mean() / clip[legs].std() for clip in clips[speed]]
        )
        for speed in clips
    }
    assert (within_four["fast"][:, None] > within_four["slow"][None, :]).mean() > 0.75
