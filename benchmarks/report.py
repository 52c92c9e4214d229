"""One measured ratio and the table of all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """What was measured, beside its limit or its peer of the same run.

    ``at_least`` or ``at_most`` is the bound that the ratio must keep; without either it is only shown.
    """

    what: str
    ours: float
    limit: float
    unit: str
    limit_is: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        """Ours over the limit."""
        return self.ours / self.limit if self.limit else float("inf")

    @property
    def holds(self) -> bool:
        """Whether the ratio keeps its bound."""
        if self.at_least is not None and self.value < self.at_least:
            return False
        return self.at_most is None or self.value <= self.at_most

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}" if self.at_most is not None else ""


def table(ratios: list[Ratio]) -> str:
    """All ratios, one per line."""
    lines = [f"{'what':<58} {'ours':>12} {'beside':>12} {'ratio':>7}  must be"]
    for ratio in ratios:
        ours, limit = f"{ratio.ours:,.1f} {ratio.unit}", f"{ratio.limit:,.1f} {ratio.unit}"
        verdict = "" if ratio.holds else "  MISSED"
        lines.append(f"{ratio.what:<58} {ours:>12} {limit:>12} {ratio.value:>7.2f}  {ratio.bound}{verdict}")
        lines.append(f"    beside: {ratio.limit_is}")
    return "\n".join(lines)
