from apps.identity.models import PSU
from apps.payments.trusted_payee_models import TrustedPayee, TrustedPayeeChange
from apps.payments.trusted_payees import (
    ask_to_trust_payee,
    authorise_trusted_payee_change,
    send_trusted_payee_code,
    start_trusted_payee_authorisation,
)
from apps.sca.models import Challenge, SCAAuthorisation
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.payments import proof_for

KERN = "Möbelhaus Kern GmbH"


def asked(
    psu: PSU, *, name: str = KERN, iban: str = FOREIGN_IBAN, change: TrustedPayeeChange | None = None
) -> tuple[TrustedPayeeChange, SCAAuthorisation, Challenge]:
    """A change of a customer's list whose code is on its way; without ``change`` somebody is to be added."""
    change = change or ask_to_trust_payee(psu=psu, name=name, iban=iban, now=NOW)
    authorisation = start_trusted_payee_authorisation(change_id=change.pk, psu=psu, now=NOW)
    challenge_id = send_trusted_payee_code(
        change_id=change.pk, authorisation_id=authorisation.pk, psu=psu, now=NOW
    )
    return change, authorisation, Challenge.objects.get(pk=challenge_id)


def sign(
    psu: PSU, change: TrustedPayeeChange, authorisation: SCAAuthorisation, challenge: Challenge
) -> TrustedPayee:
    """The customer enters the right code."""
    return authorise_trusted_payee_change(
        change_id=change.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge.pk),
        now=NOW,
    )


def trusted_payee(psu: PSU, *, name: str = KERN, iban: str = FOREIGN_IBAN) -> TrustedPayee:
    """A payee on a customer's list, by his code."""
    return sign(psu, *asked(psu, name=name, iban=iban))
