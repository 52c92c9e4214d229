from apps.bulk.rules import PROBLEMS_MAX, Problem, ProblemCode

_SHOWN = 70


class ReadingStopped(Exception):
    """Nothing more can be read, or enough is wrong already. What was found stands in the list."""


class ProblemList:
    """What is wrong with a file, in the order of its lines; enough of it ends the reading."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.has_more = False
        self._lines: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, code: ProblemCode, *, line: int = 0, field: str = "", value: object = "") -> None:
        """Note one more.

        :raises ReadingStopped: there are as many as are shown.
        """
        if len(self.found) >= PROBLEMS_MAX:
            self.has_more = True
            raise ReadingStopped
        self.found.append(Problem(line, field, code, shown(value)))
        self._lines.add(line)

    def stop(self, code: ProblemCode, *, line: int = 0, field: str = "", value: object = "") -> None:
        """Note what makes all further reading useless.

        :raises ReadingStopped: always.
        """
        self.add(code, line=line, field=field, value=value)
        raise ReadingStopped

    def has_line(self, line: int) -> bool:
        """Whether something was found in this line."""
        return line in self._lines

    def as_dicts(self) -> list[dict[str, object]]:
        """For the database, by line."""
        return [problem.as_dict() for problem in sorted(self.found, key=lambda one: one.line)]


def shown(value: object) -> str:
    """A value from the file as it can be shown: short, and without what prints nothing."""
    text = "".join(one if one.isprintable() else "\ufffd" for one in str(value))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
