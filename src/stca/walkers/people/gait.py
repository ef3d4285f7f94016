"""How a body moves: a skeleton, and the pose it takes at every phase of its stride.

Coordinates of a person: metres, x to the person's left, y up, z forward, the ground below the pelvis is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy.interpolate import CubicSpline

# (joint, the joint it hangs on); a bone is named after the joint it turns about.
PARENTS = {
    "pelvis": "pelvis",
    "spine": "pelvis",
    "head": "spine",
    "arm_l": "spine",
    "forearm_l": "arm_l",
    "arm_r": "spine",
    "forearm_r": "arm_r",
    "thigh_l": "pelvis",
    "shin_l": "thigh_l",
    "foot_l": "shin_l",
    "thigh_r": "pelvis",
    "shin_r": "thigh_r",
    "foot_r": "shin_r",
    "drape_front": "pelvis",  # no bones: the front and back of skirts and coats
    "drape_back": "pelvis",
}
BONES = tuple(PARENTS)
BONE_INDEX = {name: index for index, name in enumerate(BONES)}

# Sagittal joint angles of normal walking over one stride, in degrees, flexion positive, starting when the
# heel strikes. (percent of the stride, angle): the textbook curves, read to about two degrees.
_HIP = ((0, 29), (10, 26), (30, 7), (50, -11), (60, -4), (75, 21), (85, 32), (95, 30))
_KNEE = ((0, 5), (12, 17), (28, 8), (40, 5), (50, 11), (60, 38), (72, 60), (85, 33), (95, 5))
_ANKLE = ((0, 0), (8, -5), (30, 6), (45, 10), (55, -2), (63, -17), (75, -2), (87, 1))
_SAMPLES = np.linspace(0, 1, 257)


def _periodic(table: tuple[tuple[float, float], ...]) -> Float64[np.ndarray, " 257"]:
    percent, degrees = zip(*table, (100, table[0][1]), strict=True)
    curve = CubicSpline(np.array(percent) / 100, np.radians(degrees), bc_type="periodic")
    return np.asarray(curve(_SAMPLES))


_CURVES = {"hip": _periodic(_HIP), "knee": _periodic(_KNEE), "ankle": _periodic(_ANKLE)}


@dataclass(frozen=True, slots=True)
class Gait:
    """A person's gait.

    Args:
        frequency: strides (two steps) a second.
        stride: length of the leg's swing; 1 is the textbook's.
        knee: how much the knee bends; 1 is the textbook's.
        arm_swing: of the left and of the right arm, radians to either side.
        elbow: bend of the left and of the right elbow, radians.
        bounce: extra rise and fall of the whole body, metres.
        lean: of the trunk forward, radians.
        sway: of the trunk sideways, metres.
        twist: of the shoulders against the hips, radians.
        stance: how far the feet are set apart, radians at the hip.

    """

    frequency: float = 0.95
    stride: float = 1.0
    knee: float = 1.0
    arm_swing: tuple[float, float] = (0.4, 0.4)
    elbow: tuple[float, float] = (0.3, 0.3)
    bounce: float = 0.01
    lean: float = 0.03
    sway: float = 0.015
    twist: float = 0.1
    stance: float = 0.02

    def speed(self, leg: float) -> float:
        """Metres a second over the ground, for a leg of that many metres."""
        return float(2 * 2 * leg * np.sin(np.radians(21) * self.stride) * self.frequency)


def pose(
    gait: Gait, joints: Float32[np.ndarray, "bones 3"], phase: float
) -> Float32[np.ndarray, "bones 3 4"]:
    """Where every bone is at a phase of the stride (radians; at 0 the left heel strikes).

    Args:
        gait: how the person walks.
        joints: the skeleton standing upright, one row per name in `BONES`.
        phase: 0 to 2 pi is one stride.

    Returns:
        per bone a matrix that takes a point of the standing body (x, y, z, 1) to the moving body, which
        touches the ground with its lower foot.

    """
    turns = _turns(gait, phase)
    rotation: dict[str, Float64[np.ndarray, "3 3"]] = {}
    place: dict[str, Float64[np.ndarray, " 3"]] = {}
    for name, parent in PARENTS.items():
        rest = joints[BONE_INDEX[name]].astype(np.float64)
        if name == "pelvis":
            rotation[name], place[name] = turns[name], rest
            continue
        rotation[name] = rotation[parent] @ turns[name]
        place[name] = place[parent] + rotation[parent] @ (rest - joints[BONE_INDEX[parent]])
    bones = np.empty((len(BONES), 3, 4))
    for index, name in enumerate(BONES):
        bones[index, :, :3] = rotation[name]
        bones[index, :, 3] = place[name] - rotation[name] @ joints[index]
    bones[:, 0, 3] += gait.sway * np.cos(phase)
    bones[:, 1, 3] += gait.bounce * (1 - np.cos(2 * phase + 0.6)) / 2 - _lowest_sole(bones, joints)
    return bones.astype(np.float32)


def _lowest_sole(bones: Float64[np.ndarray, "bones 3 4"], joints: Float32[np.ndarray, "bones 3"]) -> float:
    """Height of the lowest of both heels and both balls of the feet."""
    lowest = np.inf
    for name in ("foot_l", "foot_r"):
        ankle = joints[BONE_INDEX[name]]
        for forward in (-0.45, 1.6):
            sole = np.array([ankle[0], 0.0, ankle[2] + forward * ankle[1], 1.0])
            lowest = min(lowest, float(bones[BONE_INDEX[name]][1] @ sole))
    return lowest


def _turns(gait: Gait, phase: float) -> dict[str, Float64[np.ndarray, "3 3"]]:
    """Rotation of every bone against its parent."""
    swing = np.cos(phase)
    turns = {
        "pelvis": _about_y(0.08 * gait.stride * -swing) @ _about_z(0.04 * np.sin(phase)),
        "spine": _about_y((0.08 * gait.stride + gait.twist) * swing)
        @ _about_x(gait.lean)
        @ _about_z(-0.04 * np.sin(phase)),
        "head": _about_y(-gait.twist * swing) @ _about_x(-0.6 * gait.lean),
    }
    flexion = []
    for index, (side, sign, offset) in enumerate((("l", 1.0, 0.0), ("r", -1.0, 0.5))):
        cycle = (phase / (2 * np.pi) + offset) % 1
        hip, knee, ankle = (
            float(np.interp(cycle, _SAMPLES, _CURVES[name])) for name in ("hip", "knee", "ankle")
        )
        mean = float(_CURVES["hip"].mean())
        hip = mean + gait.stride * (hip - mean)
        flexion.append(hip)
        turns[f"thigh_{side}"] = _about_z(sign * gait.stance) @ _about_x(-hip)
        turns[f"shin_{side}"] = _about_x(max(0.0, gait.knee * gait.stride**0.5 * knee))
        turns[f"foot_{side}"] = _about_y(sign * 0.12) @ _about_x(-ankle - 0.05)
        forward = -np.cos(2 * np.pi * cycle - 0.15)
        turns[f"arm_{side}"] = _about_z(sign * 0.1) @ _about_x(0.05 - gait.arm_swing[index] * forward)
        turns[f"forearm_{side}"] = _about_x(-gait.elbow[index] - 0.5 * gait.arm_swing[index] * (1 + forward))
    # The forward thigh pushes the front of a skirt, the backward leg its back.
    turns["drape_front"] = _about_x(-0.8 * max(flexion) - 0.02)
    turns["drape_back"] = _about_x(-0.8 * min(flexion) + 0.10)
    return turns


def _about_x(angle: float) -> Float64[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle: float) -> Float64[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle: float) -> Float64[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
