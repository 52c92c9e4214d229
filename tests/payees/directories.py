"""Ways to other banks that a test may attach: ``settings.VOP_DIRECTORY = path(Silent)``."""

import time

from apps.clearing.payee_directories import DirectoryAnswer


def path(directory: type) -> str:
    return f"{__name__}.{directory.__name__}"


class Slow:
    """Keeps no time-out of its own."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        time.sleep(timeout_seconds + 2)
        return DirectoryAnswer("MTCH")


class Broken:
    """Fails with a text that must not get anywhere."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        raise RuntimeError(f"no route for {name} at {iban}")


class Bidirectional:
    """A name that would show as something else than it is."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        return DirectoryAnswer("CMTC", "Möbel\u202ehcilrhe")


class Nameless:
    """A close match without the name."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        return DirectoryAnswer("CMTC")


class Talkative:
    """Tells a name with a refusal, which it must not."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        return DirectoryAnswer("NMTC", "Dr. Geheim Nis")


class Foreign:
    """A code of nobody's."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        return DirectoryAnswer("MBAM", "Anna Schneider")


class Dangerous:
    """A name that is markup."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        return DirectoryAnswer("CMTC", "<script>alert(1)</script> Kern")


class Counting:
    """Says yes and counts how often it was asked."""

    asked = 0

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        Counting.asked += 1
        return DirectoryAnswer("MTCH")
