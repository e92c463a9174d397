"""Masses and extents of LIBERO's movable objects, measured on its compiled models.

A policy's grip and the initial states depend on them; MuJoCo takes only colliding geoms into
account there, because robosuite's base model says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measures:
    """How an object weighs and how far LIBERO's samplers think it reaches.

    Attributes:
        mass_g: Mass (g).
        center_mm: Centre of mass in the body's frame (mm).
        inertia_kg_mm2: Moments about it along the body's axes (kg mm²).
        bottom: Height of the bottom site (m).
        top: Height of the top site (m).
        radius: Both coordinates of the site that tells the horizontal radius (m).
    """

    mass_g: float
    center_mm: tuple[float, float, float]
    inertia_kg_mm2: tuple[float, float, float]
    bottom: float = -0.06
    top: float = 0.04
    radius: float = 0.025


MEASURES = {
    "akita_black_bowl": Measures(5.59, (2.3, 0.5, 22.7), (5.72, 6.1, 9.08)),
    "alphabet_soup": Measures(25.9, (0.0, -0.8, -2.7), (18.2, 13.4, 18.7), bottom=-0.04),
    "basket": Measures(136, (1.3, 0.1, 60.9), (639, 684, 817)),
    "bbq_sauce": Measures(12.2, (0.0, 0.0, -7.6), (11.2, 12.1, 2.6), top=0.06, radius=0.015),
    "black_book": Measures(42.5, (-0.5, -12.1, 69.4), (107, 67, 46.1)),
    "butter": Measures(
        5.25, (0.0, 0.0, 0.0), (0.816, 2.67, 3.22), bottom=-0.02, top=0.02, radius=0.02
    ),
    "chefmate_8_frypan": Measures(50.2, (23.8, -0.9, 16.8), (123, 291, 396)),
    "chocolate_pudding": Measures(10.2, (-0.5, 0.0, 0.6), (2.46, 6.1, 7.28)),
    "cookies": Measures(9.64, (0.0, 0.0, 0.0), (5.77, 3.38, 8.58)),
    "cream_cheese": Measures(
        6.19, (0.0, 0.0, 0.0), (1.1, 3.57, 4.34), bottom=-0.025, top=0.025, radius=0.03
    ),
    "glazed_rim_porcelain_ramekin": Measures(9.66, (-2.5, 0.1, 16.8), (7.37, 7.99, 12.2)),
    "ketchup": Measures(23.2, (0.4, -9.0, 0.8), (37.9, 6.99, 40.3)),
    "milk": Measures(31.7, (0.4, -12.0, 0.0), (43.3, 14.5, 43.4), radius=0.03),
    "moka_pot": Measures(68.2, (0.1, 1.7, 4.3), (143, 128, 62.3)),
    "new_salad_dressing": Measures(21.8, (-0.5, 44.4, 0.2), (34, 5.19, 35.2)),
    "orange_juice": Measures(31.7, (-0.4, -12.0, 0.0), (43.3, 14.5, 43.4)),
    "plate": Measures(11.5, (0.3, 5.1, 6.4), (15.1, 12.9, 27.6)),
    "porcelain_mug": Measures(16.5, (10.2, -1.0, 54.6), (28, 34.1, 28.1)),
    "red_coffee_mug": Measures(29.4, (-15.2, -2.8, 62.4), (60.4, 62.9, 34.4)),
    "salad_dressing": Measures(21.8, (-0.5, -5.6, 0.2), (34, 5.19, 35.2)),
    "tomato_sauce": Measures(26.6, (0.6, -0.8, -2.3), (18.8, 13.9, 19.4)),
    "white_bowl": Measures(2.09, (1.7, 0.4, 15.6), (1.17, 1.26, 1.97)),
    "white_yellow_mug": Measures(30.9, (-13.7, 0.5, 51.0), (50.9, 61, 58.7)),
    "wine_bottle": Measures(15.4, (0.2, 0.0, 56.1), (22.9, 22.9, 2.54)),
    "wooden_tray": Measures(57.2, (7.6, -5.4, 18.7), (232, 607, 790)),
    "yellow_book": Measures(28.1, (1.6, 0.1, 63.1), (57.4, 36.3, 23.7)),
}
