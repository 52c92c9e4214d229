"""The payees whom a customer trusts: put on his list and renamed with his code only, removed without (RTS art. 13;
PSD2 art. 97(1)(c)). Only he changes it, here; no interface for companies leads to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.audit.services import record_event
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.identity.models import PSU
from apps.payments.limit_models import ChangeStatus
from apps.payments.trusted_payee_models import TrustedPayee, TrustedPayeeChange
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof


class TrustedPayeeUnknown(NotFound):
    """No such payee on the asking customer's list."""

    code = "trusted_payee_unknown"


class PayeeTrustedAlready(InvalidInput):
    """The IBAN is on the customer's list."""

    code = "payee_trusted_already"


class TrustedPayeeChangeOver(DomainError):
    """The change was signed or refused already, or the list is another by now."""

    code = "trusted_payee_change_over"


class TrustedPayeeChangeUnknown(NotFound):
    """No such change, or not the asking customer's."""

    code = "trusted_payee_change_unknown"


def list_trusted_payees(*, psu_id: UUID) -> QuerySet[TrustedPayee]:
    """The payees whom a customer trusts now, by name."""
    return TrustedPayee.objects.filter(psu_id=psu_id, removed_at=None).order_by("name", "iban")


def get_trusted_payee(*, psu_id: UUID, payee_id: UUID) -> TrustedPayee:
    """A payee whom a customer trusts now.

    :raises TrustedPayeeUnknown: missing, removed, or not on his list.
    """
    payee = list_trusted_payees(psu_id=psu_id).filter(pk=payee_id).first()
    if payee is None:
        raise TrustedPayeeUnknown(str(payee_id))
    return payee


def is_trusted_payee(*, psu_id: UUID, name: str, iban: str) -> bool:
    """Whether a payment to this payee goes to one on the customer's list: the same account, under the same name.

    Capitals and blanks make no other name; anything else does, and then a code is asked for.
    """
    payee = list_trusted_payees(psu_id=psu_id).filter(iban=iban).first()
    return payee is not None and _folded(payee.name) == _folded(name)


def get_trusted_payee_change(*, psu_id: UUID, change_id: UUID) -> TrustedPayeeChange:
    """A change that a customer asked for.

    :raises TrustedPayeeChangeUnknown: missing, or not his.
    """
    change = TrustedPayeeChange.objects.filter(pk=change_id, psu_id=psu_id).first()
    if change is None:
        raise TrustedPayeeChangeUnknown(str(change_id))
    return change


@transaction.atomic
def ask_to_trust_payee(*, psu: PSU, name: str, iban: str, now: datetime) -> TrustedPayeeChange:
    """A payee is to be put on the list: waits for the customer's code, nothing has changed yet. ``iban`` is canonical.

    :raises PayeeTrustedAlready: the IBAN is on the list.
    """
    if list_trusted_payees(psu_id=psu.pk).filter(iban=iban).exists():
        raise PayeeTrustedAlready(field="creditor_iban")
    return TrustedPayeeChange.objects.create(psu=psu, name=name, iban=iban, created_at=now)


@transaction.atomic
def ask_to_rename_trusted_payee(
    *, psu: PSU, payee_id: UUID, name: str, now: datetime
) -> TrustedPayeeChange | None:
    """A payee on the list is to have another name: waits for the customer's code. None if it has that name already.

    Another IBAN is another payee: it is removed, and the other one added.

    :raises TrustedPayeeUnknown: not on his list.
    """
    payee = get_trusted_payee(psu_id=psu.pk, payee_id=payee_id)
    if payee.name == name:
        return None
    return TrustedPayeeChange.objects.create(
        psu=psu, payee=payee, name=name, iban=payee.iban, former_name=payee.name, created_at=now
    )


@transaction.atomic
def remove_trusted_payee(*, psu: PSU, payee_id: UUID, now: datetime) -> None:
    """Take a payee off the list, at once and without a code: from now on it is asked for again.

    :raises TrustedPayeeUnknown: not on his list.
    """
    _lock_customer(psu)
    payee = get_trusted_payee(psu_id=psu.pk, payee_id=payee_id)
    payee.removed_at = now
    payee.save(update_fields=["removed_at"])
    _record(payee, event="payments.trusted_payee.removed", now=now)


def trusted_payee_snapshot(*, change: TrustedPayeeChange) -> dict[str, Any]:
    """What the customer's code for his list is made over, and what he is shown."""
    return {
        "change_id": str(change.pk),
        "payee_id": str(change.payee_id or ""),
        "payee_name": change.name,
        "payee_iban": change.iban,
        "former_name": change.former_name,
        "created_at": change.created_at.isoformat(),
    }


@transaction.atomic
def start_trusted_payee_authorisation(*, change_id: UUID, psu: PSU, now: datetime) -> SCAAuthorisation:
    """Open an authorisation for a change that waits for its customer.

    :raises TrustedPayeeChangeUnknown: not his.
    :raises TrustedPayeeChangeOver: signed or refused already.
    """
    _lock_open_change(change_id=change_id, psu=psu)
    return sca.open_authorisation(
        subject_type=SubjectType.TRUSTED_PAYEES, subject_id=change_id, psu=psu, now=now
    )


def send_trusted_payee_code(
    *,
    change_id: UUID,
    authorisation_id: UUID,
    psu: PSU,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code for a change of the list; returns the challenge's id.

    :raises TrustedPayeeChangeUnknown: not his.
    :raises TrustedPayeeChangeOver: signed or refused already.
    :raises apps.sca.services.TooManyCodes: none was sent.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    change = get_trusted_payee_change(psu_id=psu.pk, change_id=change_id)
    if change.status != ChangeStatus.OPEN:
        raise TrustedPayeeChangeOver(change.status)
    return sca.issue_challenge(
        user=psu.user,
        purpose=Purpose.TRUSTED_PAYEES,
        snapshot=trusted_payee_snapshot(change=change),
        authorisation_id=authorisation_id,
        hide_limit=False,
        method=method,
        now=now,
    )


def authorise_trusted_payee_change(
    *, change_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> TrustedPayee:
    """Put a payee on the list, or give one another name, by the customer's code, which must have been made for exactly
    this.

    :raises TrustedPayeeChangeUnknown: not his.
    :raises TrustedPayeeChangeOver: signed or refused already, or the list is another by now.
    :raises apps.sca.services.DynamicLinkBroken: the code belongs to something else; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    """
    with transaction.atomic():
        _lock_customer(psu)
        change = _lock_open_change(change_id=change_id, psu=psu)
        is_covered = (
            proof.authorisation_id == authorisation_id
            and proof.user_id == psu.user_id
            and sca.is_proof_of(
                proof=proof, purpose=Purpose.TRUSTED_PAYEES, snapshot=trusted_payee_snapshot(change=change)
            )
        )
        if is_covered:
            payee = _payee_to_change(change, now=now)
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            payee.name, payee.changed_at, payee.authorisation_id = change.name, now, authorisation_id
            payee.save()
            change.status, change.applied_at = ChangeStatus.APPLIED, now
            change.authorisation_id = authorisation_id
            change.save(update_fields=["status", "applied_at", "authorisation_id"])
            _record(
                payee,
                event="payments.trusted_payee.renamed" if change.payee_id else "payments.trusted_payee.added",
                now=now,
                former_name=change.former_name,
            )
            return payee
    sca.void_challenge(challenge_id=proof.challenge_id, reason="trusted payee differs", now=now)
    raise sca.DynamicLinkBroken(str(change_id))


@transaction.atomic
def refuse_trusted_payee_change(*, change_id: UUID, psu: PSU, reason: str, now: datetime) -> None:
    """The customer takes it back, or his codes were wrong. What is over stays as it is.

    :raises TrustedPayeeChangeUnknown: not his.
    """
    change = TrustedPayeeChange.objects.select_for_update().filter(pk=change_id, psu=psu).first()
    if change is None:
        raise TrustedPayeeChangeUnknown(str(change_id))
    if change.status != ChangeStatus.OPEN:
        return
    change.status = ChangeStatus.REFUSED
    change.save(update_fields=["status"])
    sca.fail_authorisations_of(
        subject_type=SubjectType.TRUSTED_PAYEES, subject_id=change.pk, reason=reason, now=now
    )


def _payee_to_change(change: TrustedPayeeChange, *, now: datetime) -> TrustedPayee:
    """The row that a change is about, if the list is still as it was when the change was asked for."""
    if change.payee_id is None:
        if list_trusted_payees(psu_id=change.psu_id).filter(iban=change.iban).exists():
            raise TrustedPayeeChangeOver("on the list by now")
        return TrustedPayee(psu_id=change.psu_id, iban=change.iban, listed_at=now)
    payee = TrustedPayee.objects.get(pk=change.payee_id)
    if payee.removed_at is not None or payee.name != change.former_name:
        raise TrustedPayeeChangeOver("removed or renamed by now")
    return payee


def _lock_open_change(*, change_id: UUID, psu: PSU) -> TrustedPayeeChange:
    change = TrustedPayeeChange.objects.select_for_update().filter(pk=change_id, psu=psu).first()
    if change is None:
        raise TrustedPayeeChangeUnknown(str(change_id))
    if change.status != ChangeStatus.OPEN:
        raise TrustedPayeeChangeOver(change.status)
    return change


def _lock_customer(psu: PSU) -> None:
    """Two changes at once: the second finds what the first left."""
    PSU.objects.select_for_update().get(pk=psu.pk)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _record(payee: TrustedPayee, *, event: str, now: datetime, former_name: str = "") -> None:
    record_event(
        event=event,
        object_type="psu",
        object_id=payee.psu_id,
        actor_type="psu",
        actor_id=payee.psu_id,
        at=now,
        data={
            "payee": str(payee.pk),
            "name": payee.name,
            "iban": payee.iban,
            "authorisation": str(payee.authorisation_id),
            **({"former_name": former_name} if former_name else {}),
        },
    )
