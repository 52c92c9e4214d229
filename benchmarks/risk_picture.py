"""The picture of the page on risk: how honest payments and frauds are spread over the scores. Plain SVG."""

from collections.abc import Mapping

from apps.risk.rules import HIGH_FROM, MEDIUM_FROM

_STEP, _LEFT, _TOP, _WIDTH, _HEIGHT = 5, 56, 40, 640, 220
_BINS = 100 // _STEP + 1
# Told apart by lightness as well as by hue, and by where they stand.
_COLOURS = {"honest": "#9db4c8", "fraud": "#a4243b"}


def draw(scores: Mapping[str, int]) -> str:
    """Shares of honest payments and of frauds in each range of five points, on a scale of roots: most are near 0."""
    totals = {
        kind: sum(number for name, number in scores.items() if name.startswith(kind)) or 1
        for kind in _COLOURS
    }
    bars, slot = [], _WIDTH / _BINS
    for index, kind in enumerate(_COLOURS):
        for place in range(_BINS):
            share = scores.get(f"{kind}:{place * _STEP}", 0) / totals[kind]
            height = share**0.5 * _HEIGHT
            x = _LEFT + place * slot + 2 + index * (slot - 4) / 2
            bars.append(
                f'<rect x="{x:.1f}" y="{_TOP + _HEIGHT - height:.1f}" width="{(slot - 4) / 2:.1f}"'
                f' height="{height:.1f}" fill="{_COLOURS[kind]}"/>'
            )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 24} {_TOP + _HEIGHT + 60}"'
            ' font-family="sans-serif" font-size="12" role="img" aria-labelledby="title">',
            '<title id="title">Scores of made payments: honest ones are low, most frauds are not</title>',
            f'<rect width="{_LEFT + _WIDTH + 24}" height="{_TOP + _HEIGHT + 60}" fill="#ffffff"/>',
            *_scale(),
            *bars,
            *_thresholds(slot),
            *_legend(),
            "</svg>",
            "",
        ]
    )


def _scale() -> list[str]:
    lines = []
    for percent in (0, 1, 5, 10, 25, 50, 100):
        y = _TOP + _HEIGHT - (percent / 100) ** 0.5 * _HEIGHT
        lines.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDTH}" y2="{y:.1f}" stroke="#e3e3e3"/>')
        lines.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#333333">{percent} %</text>'
        )
    for score in range(0, 101, 10):
        x = _LEFT + (score / _STEP + 0.5) * _WIDTH / _BINS
        lines.append(
            f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle" fill="#333333">{score}</text>'
        )
    return lines


def _thresholds(slot: float) -> list[str]:
    lines = []
    for score, name in ((MEDIUM_FROM, "medium from 40"), (HIGH_FROM, "high from 70")):
        x = _LEFT + score / _STEP * slot
        lines.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{_TOP + _HEIGHT}" stroke="#333333"'
            ' stroke-dasharray="4 3"/>'
        )
        lines.append(f'<text x="{x + 4:.1f}" y="{_TOP - 12}" fill="#333333">{name}</text>')
    return lines


def _legend() -> list[str]:
    y, lines = _TOP + _HEIGHT + 40, []
    for x, (kind, text) in zip(
        (_LEFT, _LEFT + 220),
        (("honest", "share of honest payments"), ("fraud", "share of frauds")),
        strict=True,
    ):
        lines.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{_COLOURS[kind]}"/>')
        lines.append(f'<text x="{x + 18}" y="{y}" fill="#333333">{text}</text>')
    lines.append(f'<text x="{_LEFT + 400}" y="{y}" fill="#333333">score in steps of five points</text>')
    return lines
