"""The study: a wide desk with a lamp, and behind it a plant, a painting and an open book shelf."""

from __future__ import annotations

from pathlib import Path

from gridseval.assets.standins.arenas.furniture import Furniture, paint
from gridseval.assets.standins.arenas.room import floor, shell_assets, walls, write_scene
from gridseval.assets.standins.arenas.study_things import lamp, leaves, trunks
from gridseval.assets.standins.carpentry import Corners, boxes
from gridseval.assets.standins.mesh import Mesh
from gridseval.assets.standins.mjcf import Element, element, solid_between, textured
from gridseval.assets.standins.png import write_png
from gridseval.assets.standins.rounds import lathe
from gridseval.assets.standins.surfaces import Shades, plaster, wood

_TOP, _UNDERSIDE = 0.8851, 0.8135
_POT = [(0, 0), (0.12, 0), (0.15, 0.28), (0.155, 0.3), (0.14, 0.3), (0.135, 0.27), (0, 0.27)]


def build_study(root: Path) -> None:
    """Write the study's scene, meshes and textures below the asset root."""
    scenes = root / "scenes"
    desk = _desk(scenes)
    others = [_painting(scenes), _lamp(scenes), _plant(scenes), _shelf(scenes), _books(scenes)]
    write_scene(
        scenes / "libero_study_base_style.xml",
        [*shell_assets(), *desk.assets, *(asset for other in others for asset in other.assets)],
        [
            floor(),
            _desk_body(desk),
            *(geom for other in others for geom in other.geoms),
            *walls(),
        ],
    )


def _desk(scenes: Path) -> Furniture:
    desk = Furniture(scenes, "desk")
    brown = Shades((172, 123, 68), (30, 26, 19)).coloured(wood(256, 43, rings=4, fibre=0.2))
    write_png(scenes / "desk" / "wood.png", brown)
    board: Corners = ((-0.7, -1.4, _UNDERSIDE), (0.7, 1.4, _TOP))
    desk.add("board", boxes([board], grain="y", metres=1.2), textured("desk", "desk/wood.png"))
    frames: list[Corners] = []
    for y in (-0.6906, 0.7122):
        frames += [
            ((x, y - 0.05, 0.0), (x + 0.04, y + 0.05, _UNDERSIDE)) for x in (-0.5205, 0.4762)
        ]
        frames.append(((-0.4805, y - 0.05, 0.004), (0.4762, y + 0.05, 0.047)))
    desk.add("frame", boxes(frames), paint("desk_frame", (205, 205, 205), reflectance=0.5))
    ports: list[Corners] = [
        ((-0.07, y, _TOP - 0.01), (0.072, y + 0.45, _TOP + 0.0003)) for y in (-0.92, 0.47)
    ]
    desk.add("ports", boxes(ports), paint("desk_ports", (3, 3, 3)))
    return desk


def _desk_body(desk: Furniture) -> Element:
    solids: list[Corners] = [((-0.6895, -1.3927, _UNDERSIDE), (0.6895, 1.3927, _TOP))]
    solids += [
        ((x, y - 0.05, 0.0), (x + 0.04, y + 0.05, 0.788))
        for x in (-0.5205, 0.4762)
        for y in (-0.6906, 0.7122)
    ]
    return element(
        "body",
        *desk.geoms,
        *(solid_between(*pair) for pair in solids),
        name="study_table",
        pos=(0, 0, 0),
        quat=(1, 0, 0, 0),
    )


def _painting(scenes: Path) -> Furniture:
    """Write a canvas of four flat colours."""
    painting = Furniture(scenes, "study_wall_painting")
    left, right, low, high = 0.005, 0.984, 1.0, 1.979
    fields: dict[str, tuple[Corners, tuple[float, float, float]]] = {
        "maroon": (((-1.945, left, 1.35), (-1.905, 0.325, high)), (70, 30, 38)),
        "orange": (((-1.945, left, low), (-1.905, 0.325, 1.35)), (222, 62, 20)),
        "yellow": (((-1.945, 0.41, 1.23), (-1.905, right, high)), (232, 178, 40)),
        "blue": (((-1.945, 0.325, low), (-1.907, right, high)), (94, 122, 146)),
    }
    for name, (corners, colour) in fields.items():
        painting.add(name, boxes([corners]), paint(f"painting_{name}", colour, reflectance=0.5))
    return painting


def _lamp(scenes: Path) -> Furniture:
    furniture = Furniture(scenes, "floor_lamp")
    black = paint("floor_lamp", (14, 14, 13), reflectance=0.5)
    furniture.add("stand", lamp().moved(0.3, -0.72, _TOP), black)
    return furniture


def _plant(scenes: Path) -> Furniture:
    plant = Furniture(scenes, "plant")
    green = Shades((104, 132, 52), (40, 46, 26)).coloured(wood(128, 47, rings=6))
    write_png(scenes / "plant" / "leaf.png", green)
    place = (-1.82, 0.56, 0.0)
    plant.add("pot", lathe(_POT, 32), paint("plant_pot", (212, 212, 212)), "plant", place)
    plant.add("trunks", trunks(), paint("plant_trunk", (86, 70, 58)), pos=place)
    plant.add("leaves", leaves(), textured("plant_leaf", "plant/leaf.png"), pos=place)
    return plant


def _shelf(scenes: Path) -> Furniture:
    shelf = Furniture(scenes, "office_book_shelf")
    boards: list[Corners] = [
        ((-1.87, -1.6065, z - 0.022), (-1.5553, -0.3832, z))
        for z in (0.06, 0.4, 0.75, 1.09, 1.44, 1.7934)
    ]
    posts: list[Corners] = [
        ((-1.87, y, 0), (-1.5553, y + 0.022, 1.77)) for y in (-1.6065, -1.006, -0.4052)
    ]
    mesh: Mesh = boxes([*boards, *posts])
    white = paint("office_book_shelf", (236, 235, 231), reflectance=0.5)
    shelf.add("boards", mesh, white, geom="office_book_shelf")
    return shelf


def _books(scenes: Path) -> Furniture:
    books = Furniture(scenes, "black_book")
    paper = Shades((214, 210, 200), (12, 12, 12)).coloured(plaster(32, 44))
    write_png(scenes / "black_book" / "paper.png", paper)
    covers: list[Corners] = []
    pages: list[Corners] = []
    for y in (-0.5255, -0.4755):
        covers += [
            ((-1.82, y, 0.9), (-1.622, y + 0.005, 1.1418)),
            ((-1.82, y + 0.0455, 0.9), (-1.622, y + 0.0505, 1.1418)),
            ((-1.63, y + 0.005, 0.9), (-1.622, y + 0.0455, 1.1418)),
        ]
        pages.append(((-1.815, y + 0.005, 0.905), (-1.63, y + 0.0455, 1.135)))
    black = paint("black_book", (20, 20, 21), reflectance=0.5)
    books.add("covers", boxes(covers), black, geom="black_book_1")
    books.add("pages", boxes(pages), textured("paper", "black_book/paper.png"), geom="black_book_2")
    return books
