"""Payments that go out without a code, by an exemption from strong customer authentication (RTS chapter III)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Sum

from apps.accounts.queries import count_signatures_needed, find_owner_ids, is_business_account
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from apps.payments.exemption_models import PaymentExemption
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel, TransactionStatus
from apps.payments.services.authorising import payment_snapshot, release_payment
from apps.payments.services.orders import DebtorAccountNotYours
from apps.payments.services.status import (
    PaymentStatusInvalid,
    lock_payment,
    may_sign,
    record_on_payment,
    takes_signatures,
)
from apps.payments.trusted_payees import is_trusted_payee
from apps.sca import services as sca
from apps.sca.exemptions import Decision, Monitoring, PaymentFacts, decide_payment
from apps.sca.policy import exemption_policy
from apps.sca.rules import Purpose, SubjectType

_OTHER_NAME = frozenset({NameMatch.CMTC, NameMatch.NMTC})


class CodeNeeded(DomainError):
    """No exemption holds for this payment (any more): it takes a code. ``decision`` says why."""

    code = "code_needed"

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason)
        self.decision = decision


def decide_exemption(
    *, payment: PaymentInitiation, psu: PSU, monitoring: Monitoring, now: datetime
) -> Decision:
    """Whether this customer may pay this without a code, as things stand; nothing is kept.

    A bank that uses no exemption is asked nothing: no query.
    """
    policy = exemption_policy()
    if not policy.articles:
        return decide_payment(facts=_facts_of_order(payment, psu, now=now), policy=policy)
    owners = find_owner_ids(ibans=[payment.debtor_iban, payment.creditor_iban])
    paid_minor, number = _paid_since_last_code(psu)
    facts = _facts_of_order(
        payment,
        psu,
        now=now,
        debtor_holder_ids=owners.get(payment.debtor_iban, frozenset()),
        creditor_holder_ids=owners.get(payment.creditor_iban),
        signatures_needed=count_signatures_needed(psu_id=psu.pk, ibans=[payment.debtor_iban]),
        is_consumer=not is_business_account(account=payment.debtor_account),
        is_trusted_payee=is_trusted_payee(
            psu_id=psu.pk, name=payment.creditor_name, iban=payment.creditor_iban
        ),
        paid_since_sca_minor=paid_minor,
        payments_since_sca=number,
        monitoring=monitoring,
    )
    return decide_payment(facts=facts, policy=policy)


@transaction.atomic
def pay_without_code(
    *, payment_id: UUID, psu: PSU, monitoring: Monitoring, now: datetime
) -> PaymentInitiation:
    """Release a payment without a code: status ``ACTC``, and the promise that the engine books it.

    What was shown is decided again under locks, so that parallel payments do not pass the counters of art. 16 together.
    The authorisation ends as ``exempted``, bound to the payment as it is, with the record of article, reason and
    figures; the engine asks for all of it (:func:`apps.payments.services.check_authorised_as_is`).

    :raises CodeNeeded: no exemption holds (any more).
    :raises PaymentStatusInvalid: it does not wait for its first signature, or came through a company.
    :raises DebtorAccountNotYours: the customer may not pay from the account.
    :raises apps.sca.services.AuthorisationOver: the log-in is frozen.
    """
    payment = lock_payment(payment_id)
    if (
        not takes_signatures(payment, now=now)
        or payment.transaction_status != TransactionStatus.RCVD
        or payment.channel != Channel.PORTAL
    ):
        raise PaymentStatusInvalid(payment.transaction_status)
    if not may_sign(payment, psu=psu):
        raise DebtorAccountNotYours(str(psu.pk))
    PSU.objects.select_for_update(no_key=True).get(pk=psu.pk)
    decision = decide_exemption(payment=payment, psu=psu, monitoring=monitoring, now=now)
    if decision.article is None:
        raise CodeNeeded(decision)
    sca.fail_authorisations_of(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, reason="exempted", now=now
    )
    authorisation = sca.open_authorisation(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, psu=psu, now=now
    )
    snapshot_hash = canonical_hash({"purpose": Purpose.PAYMENT.value, **payment_snapshot(payment=payment)})
    PaymentExemption.objects.create(
        payment=payment,
        psu=psu,
        authorisation_id=authorisation.pk,
        article=decision.article,
        reason=decision.reason,
        figures=decision.figures,
        refused={article.value: reason.value for article, reason in decision.refused.items()},
        snapshot_hash=snapshot_hash,
        decided_at=now,
    )
    sca.exempt_authorisation(authorisation_id=authorisation.pk, psu=psu, snapshot_hash=snapshot_hash, now=now)
    record_on_payment(
        payment,
        event="payments.payment.exempted",
        actor_type="psu",
        actor_id=psu.pk,
        now=now,
        data={
            "article": decision.article.value,
            "reason": decision.reason.value,
            "figures": decision.figures,
            "authorisation": str(authorisation.pk),
            "snapshot_sha256": snapshot_hash.hex(),
        },
    )
    payment.psu, payment.signatures_needed = psu, 1
    release_payment(payment, authorisation_id=authorisation.pk, psu=psu, now=now)
    return payment


def _facts_of_order(
    payment: PaymentInitiation,
    psu: PSU,
    *,
    now: datetime,
    debtor_holder_ids: frozenset[str] = frozenset(),
    **more: Any,
) -> PaymentFacts:
    return PaymentFacts(
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        payer_id=str(psu.pk),
        debtor_holder_ids=debtor_holder_ids,
        today=bank_date(now),
        payee_name_differs=payment.creditor_name_match in _OTHER_NAME,
        **more,
    )


def _paid_since_last_code(psu: PSU) -> tuple[int, int]:
    """What the customer paid without a code since the last payment that he authenticated strongly, and how often; what
    was refused afterwards counts too (art. 16(b)-(c), read strictly: only a payment's own authentication resets). What
    took two signatures resets nothing: it says when the second was given."""
    signed = PaymentInitiation.objects.filter(psu=psu, exemption=None, signatures_needed=1)
    last_code = signed.aggregate(at=Max("authorised_at"))["at"]
    without_code = PaymentExemption.objects.filter(psu=psu)
    if last_code is not None:
        without_code = without_code.filter(decided_at__gte=last_code)
    sums = without_code.aggregate(paid=Sum("payment__amount_minor"), number=Count("pk"))
    return sums["paid"] or 0, sums["number"]
