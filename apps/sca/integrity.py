"""What the bank thinks of the surroundings in which its app answers (RTS art. 9(2)-(3), S1-20 to S1-22).

``SCA_APP_INTEGRITY`` names the class that judges. An app in a browser can only tell of itself, which stops whoever
copies its storage to another machine, and nobody who rewrites the app. A bank that ships a native app names a class
here that asks the service of the telephone's maker; the verdict is stored with each answer either way.
"""

from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from apps.sca.rules import Integrity


class IntegrityJudge(Protocol):
    """Judges one answer of the app."""

    def judge(self, *, report: dict[str, Any], bound: bytes) -> Integrity:
        """``report`` is what the app sent of its surroundings, ``bound`` the hash of those in which it was bound."""
        ...


class DeclaredIntegrity:
    """Believes what the app tells of itself."""

    def judge(self, *, report: dict[str, Any], bound: bytes) -> Integrity:
        if report.get("is_unsound") is not False:
            return Integrity.UNSOUND
        return Integrity.SOUND if report.get("environment") == bound.hex() else Integrity.CHANGED


def judge_integrity(*, report: dict[str, Any], bound: bytes) -> Integrity:
    """The verdict of the judge that the bank has chosen."""
    judge: IntegrityJudge = import_string(settings.SCA_APP_INTEGRITY)()
    return judge.judge(report=report, bound=bound)
