"""A few curves as SVG, for light and dark pages; steps of the horizontal axis double."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 72, 130, 48, 56
COLOURS = ("#2f6fde", "#d9480f", "#2b8a3e", "#862e9c")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.grid{stroke:#d0d7de}.limit{stroke:#6e7781;stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){text{fill:#c9d1d9}.grid{stroke:#30363d}.limit{stroke:#8b949e}}"
)


@dataclass
class Curve:
    """Points from left to right."""

    name: str
    points: list[tuple[float, float]]


def draw(title: str, across: str, curves: list[Curve], limits: dict[str, float]) -> str:
    """The picture; `limits` are levels with names."""
    xs = sorted({x for curve in curves for x, _ in curve.points})
    top = nice(max([y for curve in curves for _, y in curve.points] + list(limits.values())))
    first, last = math.log2(xs[0]), math.log2(xs[-1])

    def at(x: float) -> float:
        share = (math.log2(x) - first) / ((last - first) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def level(y: float) -> float:
        return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text x="{LEFT}" y="24" style="font-weight:600">{escape(title)}</text>',
    ]
    for part in range(5):
        y = top * part / 4
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level(y):.1f}" y2="{level(y):.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{level(y) + 4:.1f}" text-anchor="end">{y:,.0f}</text>')
    for x in xs:
        out.append(f'<text x="{at(x):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{x:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>')
    for name, y in limits.items():
        out.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level(y):.1f}" y2="{level(y):.1f}"/>')
        out.append(f'<text x="{LEFT + 4}" y="{level(y) - 4:.1f}" style="font-size:11px">{escape(name)}: {y:g}</text>')
    for curve, colour in zip(curves, COLOURS, strict=False):
        places = " ".join(f"{at(x):.1f},{level(y):.1f}" for x, y in curve.points)
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{places}"/>')
        out += [f'<circle cx="{at(x):.1f}" cy="{level(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in curve.points]
        x, y = curve.points[-1]
        out.append(
            f'<text x="{at(x) + 10:.1f}" y="{level(y) + 4:.1f}" style="fill:{colour}">{escape(curve.name)}</text>'
        )
    return "\n".join([*out, "</svg>\n"])


def nice(highest: float) -> float:
    """A round number not below it, that divides into four."""
    unit = 10 ** math.floor(math.log10(highest))
    return next(unit * step for step in (1, 2, 4, 6, 8, 10) if unit * step >= highest)
