"""Authorisation sub-resources, alike for consents and payments."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from apps.core.errors import NotFound
from apps.core.ids import parse_uuid
from apps.sca.queries import list_authorisations
from apps.sca.rules import SubjectType

if TYPE_CHECKING:
    from apps.sca.models import SCAAuthorisation


def find_open(
    *, subject_type: SubjectType, subject_id: UUID, of_nobody: bool = False, now: datetime
) -> "SCAAuthorisation | None":
    """The authorisation that is under way, if there is one.

    A TPP that starts again while one is open gets that one: a repeated call makes no second (RTS art. 35(4)), sends no
    second code, and nobody can pile them up. ``of_nobody``: leave aside one that a customer has opened for himself.
    """
    under_way = [
        authorisation
        for authorisation in list_authorisations(subject_type=subject_type, subject_id=subject_id)
        if authorisation.is_open
        and authorisation.expires_at > now
        and not (of_nobody and authorisation.psu_id)
    ]
    return under_way[-1] if under_way else None


def known_authorisation_id(text: str) -> UUID:
    """The id in a path.

    :raises NotFound: no UUID, so the id of nothing.
    """
    authorisation_id = parse_uuid(text)
    if authorisation_id is None:
        raise NotFound("authorisation")
    return authorisation_id
