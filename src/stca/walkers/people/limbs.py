"""Trunk, legs, arms, hands and shoes, in the clothes that lie close to them."""

from __future__ import annotations

import numpy as np

from stca.walkers.people import fabric
from stca.walkers.people.surfaces import Patch, smoothstep
from stca.walkers.people.tailor import Profile, Tailor


def torso(tailor: Tailor) -> Patch:
    """From the crotch to the neck."""
    b, g = tailor.build, tailor.girth
    s, p = g * b.shoulders, g * b.hips
    c = tailor.cloth / tailor.h
    belly = 0.012 * max(0.0, b.belly) * g
    low = 0.47 * b.legs
    profile: Profile = [
        (low, 0.0, 0.0, 0, 0),
        (low + 0.004, 0.05 * p, 0.035 * p, 0, 0),
        (0.50, 0.089 * p + c / 2, 0.064 * p + c / 2, 0, -0.004),
        (0.54, 0.096 * p + c / 2, 0.066 * p + c / 2, 0, -0.004),
        (0.59, 0.085 * p + c, 0.058 * g + c + belly / 2, 0, belly / 2),
        (0.63, 0.081 * g + c, 0.056 * g + c + belly / 2, 0, belly / 2),
        (0.69, 0.089 * s + c, 0.063 * g + c, 0, 0.003),
        (0.75, 0.100 * s + c, 0.066 * g + c, 0, 0.003),
        (0.785, 0.103 * s + c, 0.062 * g + c, 0, -0.002),
        (0.81, 0.094 * s + c, 0.052 * g + c, 0, -0.005),
        (0.828, 0.076 * s + c / 2, 0.043 * g + c / 2, 0, -0.007),
        (0.845, 0.052 * s, 0.037 * g, 0, -0.007),
        (0.857, 0.036, 0.034, 0, -0.003),
        (0.885, 0.031, 0.033, 0, 0.006),
    ]
    waist = tailor.joints["spine"][1] * tailor.h
    return tailor.patch(
        profile,
        lambda q: fabric.torso(tailor.outfit, tailor.h, q),
        ("pelvis", "spine"),
        lambda q: smoothstep(waist - 0.05 * tailor.h, waist + 0.05 * tailor.h, q[:, 1]),
        power=2.35,
        folds=0.0014 + 0.0018 * tailor.outfit.loose,
    )


def leg(tailor: Tailor, side: str) -> Patch:
    """One leg, in its trousers or bare."""
    o, g = tailor.outfit, tailor.girth
    x, knee, _ = tailor.joints[f"shin_{side}"]
    hip = tailor.joints[f"thigh_{side}"][1]
    bare = o.lower_kind != "trousers"
    wide = 0.0 if bare else 0.002 + 0.012 * o.loose
    end = 0.05 if bare else 0.022
    profile: Profile = [
        (hip + 0.035, 0.0, 0.0, x, 0),
        (hip + 0.03, 0.035 * g, 0.045 * g, x, 0),
        (hip - 0.01, 0.05 * g, 0.061 * g, x, -0.002),
        (0.7 * hip + 0.3 * knee, 0.047 * g + wide / 2, 0.052 * g + wide / 2, x, 0.002),
        (knee + 0.02, 0.034 * g + wide, 0.036 * g + wide, x, 0.004),
        (knee - 0.03, 0.031 * g + wide, 0.034 * g + wide, x, 0),
        (0.7 * knee, 0.032 * g + wide, 0.036 * g + wide, x, -0.006),
        (0.4 * knee, 0.024 * g + 1.2 * wide, 0.027 * g + 1.2 * wide, x, -0.01),
        (end, 0.019 * g + 1.3 * wide, 0.022 * g + 1.3 * wide, x, -0.01),
        (end - 0.002, 0.0, 0.0, x, -0.01),
    ]
    return tailor.patch(
        profile,
        lambda q: fabric.leg(o, tailor.h, q, x * tailor.h),
        (f"thigh_{side}", f"shin_{side}"),
        lambda q: smoothstep((knee + 0.035) * tailor.h, (knee - 0.035) * tailor.h, q[:, 1]),
        folds=0.0 if bare else 0.001 + 0.0022 * o.loose,
    )


def shoe(tailor: Tailor, side: str) -> Patch:
    """One shoe."""
    x, _, behind = tailor.joints[f"foot_{side}"]
    # Lofted upright along the foot, then laid down: y runs from heel to toe.
    profile: Profile = [
        (-0.036, 0.0, 0.0, x, 0.02),
        (-0.034, 0.016, 0.016, x, 0.02),
        (-0.01, 0.022, 0.026, x, 0.026),
        (0.02, 0.023, 0.024, x, 0.023),
        (0.06, 0.027, 0.017, x, 0.016),
        (0.09, 0.026, 0.013, x, 0.012),
        (0.106, 0.015, 0.009, x, 0.01),
        (0.109, 0.0, 0.0, x, 0.01),
    ]
    upright = tailor.patch(
        profile, lambda q: fabric.shoe(tailor.outfit, tailor.h, q[:, 2]), (f"foot_{side}",)
    )
    shift = np.array([0, 0, (behind + 0.012) * tailor.h], np.float32)
    return Patch(
        points=upright.points[:, [0, 2, 1]] + shift,
        normals=upright.normals[:, [0, 2, 1]],
        albedo=upright.albedo,
        bones=upright.bones,
        shares=upright.shares,
    )


def arm(tailor: Tailor, side: str) -> Patch:
    """One arm with its sleeve."""
    o, g = tailor.outfit, tailor.girth
    (x, top, z), mid = tailor.joints[f"arm_{side}"], tailor.joints[f"forearm_{side}"][1]
    inward = -0.014 if x > 0 else 0.014
    wide = 0.003 + 0.008 * o.loose + (0.006 if o.coat or o.pattern == "open" else 0.0)
    lower = wide if o.sleeve == "long" else 0.0
    profile: Profile = [
        (top + 0.02, 0.0, 0.0, x + inward, z),
        (top + 0.016, 0.014 * g, 0.018 * g, x + 0.9 * inward, z),
        (top + 0.002, 0.025 * g + wide / 3, 0.03 * g + wide / 3, x + 0.2 * inward, z),
        (top - 0.03, 0.0275 * g + wide / 2, 0.032 * g + wide / 2, x, z),
        (top - 0.08, 0.0265 * g + wide, 0.029 * g + wide, x, z),
        (mid + 0.02, 0.024 * g + wide, 0.026 * g + wide, x, z),
        (mid - 0.03, 0.021 * g + lower, 0.023 * g + lower, x, z),
        (mid - 0.12, 0.0155 * g + lower, 0.017 * g + lower, x, z),
        (mid - 0.145, 0.015 * g + lower, 0.016 * g + lower, x, z),
        (mid - 0.147, 0.0, 0.0, x, z),
    ]
    return tailor.patch(
        profile,
        lambda q: fabric.arm(o, tailor.h, q, mid * tailor.h),
        (f"arm_{side}", f"forearm_{side}"),
        lambda q: smoothstep((mid + 0.03) * tailor.h, (mid - 0.03) * tailor.h, q[:, 1]),
        folds=0.001 + 0.002 * o.loose if o.sleeve == "long" else 0.0,
    )


def hand(tailor: Tailor, side: str) -> Patch:
    """One hand."""
    x, mid, z = tailor.joints[f"forearm_{side}"]
    profile: Profile = [
        (mid - 0.135, 0.012, 0.015, x, z),
        (mid - 0.16, 0.012, 0.022, x, z + 0.003),
        (mid - 0.19, 0.011, 0.02, x, z + 0.006),
        (mid - 0.21, 0.008, 0.012, x, z + 0.008),
        (mid - 0.214, 0.0, 0.0, x, z + 0.008),
    ]
    return tailor.patch(profile, fabric.plain(tailor.outfit.skin), (f"forearm_{side}",))
