"""Draw the picture of rooms in the architecture page: ``python docs/figures.py``.

Colours are those of the page that the drawing stands in; alone, they follow the reader's system.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Box(NamedTuple):
    """A room: its place (px) and what it holds."""

    name: str
    x: int
    y: int
    width: int
    lines: tuple[str, ...]


HEIGHT, LOW = 66, 50
"""Of a box with two lines of text below its name, and with one."""

BOXES = (
    Box("cli", 20, 20, 860, ("click commands: they turn arguments into calls, and print",)),
    Box(
        "evaluation, solvable",
        20,
        102,
        640,
        ("a run from its arguments to its directory; what the expert solves",),
    ),
    Box("sweeping", 680, 102, 200, ("curves over an option",)),
    Box("suites", 20, 190, 150, ("suites, tasks,", "episodes, protocols")),
    Box("rollout", 250, 190, 150, ("the loop: reset,", "query, step, report")),
    Box("results", 480, 190, 170, ("run · stats · tables", "gate · compare")),
    Box("report, video", 730, 190, 150, ("HTML; frames", "and token overlays")),
    Box("envs", 160, 306, 150, ("LIBERO, rendering,", "perturbations, pool")),
    Box("policies", 370, 306, 150, ("kinds, cards,", "loading, remote")),
    Box("assets", 20, 422, 150, ("meshes, textures,", "stand-ins")),
    Box("tokens", 370, 422, 150, ("pruners, traces,", "accounting")),
    Box("serving, wire", 580, 306, 150, ("a policy behind a", "websocket; messages")),
    Box("bench, doctor", 580, 422, 150, ("speed; checks of", "this machine")),
    Box("pictures", 760, 306, 120, ("videos again,", "galleries")),
    Box("collecting", 760, 422, 120, ("datasets", "to train on")),
    Box("motion", 20, 538, 150, ("how well", "an arm moves")),
    Box("demonstrations", 190, 538, 160, ("LIBERO's HDF5 files,", "read safely")),
    Box("cluster", 370, 538, 150, ("a connection to Ray,", "its nodes")),
    Box("training", 760, 538, 120, ("datasets to", "checkpoints")),
)
ARROWS = (
    ((170, 223), (250, 223)),  # suites -> rollout
    ((400, 223), (480, 223)),  # rollout -> results
    ((650, 223), (730, 223)),  # results -> report, video
    ((255, 306), (300, 256)),  # envs -> rollout
    ((425, 306), (380, 256)),  # policies -> rollout
    ((120, 422), (190, 372)),  # assets -> envs
    ((445, 422), (445, 372)),  # tokens -> policies
    ((520, 339), (580, 339)),  # policies -> serving
    ((620, 256), (775, 306)),  # results -> pictures
    ((820, 306), (820, 256)),  # pictures -> video
    ((820, 488), (820, 538)),  # collecting -> training
    ((450, 70), (450, 102)),  # cli -> evaluation
    ((325, 152), (325, 190)),  # evaluation -> rollout
    ((680, 127), (660, 127)),  # sweeping -> evaluation
)
STYLE = """
.b{fill:var(--md-code-bg-color,#f2f5f6);stroke:var(--md-default-fg-color--light,#667)}
.n{font:600 16px ui-monospace,"DejaVu Sans Mono",Menlo,monospace;fill:var(--md-typeset-color,#223)}
.t{font:13px system-ui,"DejaVu Sans",Arial,sans-serif;fill:var(--md-typeset-color,#445)}
.a{stroke:var(--md-accent-fg-color,#b4541a);stroke-width:1.8;fill:none;marker-end:url(#tip)}
.p{fill:var(--md-accent-fg-color,#b4541a)}
"""


def draw() -> str:
    """Return the drawing as SVG."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 624" '
        'font-family="system-ui" role="img">',
        "<title>gridseval's rooms; arrows show which way data flow</title>",
        f"<style>{''.join(STYLE.splitlines())}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="p" d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    for box in BOXES:
        centre = box.x + box.width // 2
        height = HEIGHT if len(box.lines) > 1 else LOW
        parts.append(
            f'<rect class="b" x="{box.x}" y="{box.y}" width="{box.width}" '
            f'height="{height}" rx="6"/>'
            f'<text class="n" x="{centre}" y="{box.y + 22}" text-anchor="middle">{box.name}</text>'
        )
        for number, line in enumerate(box.lines):
            y = box.y + 40 + 16 * number
            parts.append(f'<text class="t" x="{centre}" y="{y}" text-anchor="middle">{line}</text>')
    for (x1, y1), (x2, y2) in ARROWS:
        parts.append(f'<path class="a" d="M{x1} {y1}L{x2} {y2}"/>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "rooms.svg").write_text(draw(), encoding="utf8")
