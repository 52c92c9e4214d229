"""The payees whom a customer trusts: no one comes to the list, or to another name there, without his code."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core.ids import new_id
from apps.identity.models import PSU
from apps.payments.trusted_payee_models import TrustedPayee, TrustedPayeeChange
from apps.payments.trusted_payees import (
    PayeeTrustedAlready,
    TrustedPayeeChangeOver,
    TrustedPayeeChangeUnknown,
    TrustedPayeeUnknown,
    ask_to_rename_trusted_payee,
    ask_to_trust_payee,
    authorise_trusted_payee_change,
    get_trusted_payee,
    is_trusted_payee,
    list_trusted_payees,
    refuse_trusted_payee_change,
    remove_trusted_payee,
    send_trusted_payee_code,
    start_trusted_payee_authorisation,
    trusted_payee_snapshot,
)
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.services import AuthorisationOver, CodeRefused, DynamicLinkBroken, freeze_sign_in
from tests.architecture.house import APPS, sources
from tests.factories.accounts import FOREIGN_IBAN, NOW, customer
from tests.factories.payments import challenged_payment, proof_for
from tests.factories.trusted_payees import KERN, asked, sign, trusted_payee
from tests.sca.test_codes import in_parallel

OTHER_IBAN = "FR7630006000011234567890189"

pytestmark = pytest.mark.req("RTS-13", "P-97(1)(c)")


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


class TestAdding:
    def test_waits_for_the_code_and_then_holds(self, anna: PSU) -> None:
        change, authorisation, challenge = asked(anna)
        assert not list_trusted_payees(psu_id=anna.pk).exists()
        assert (challenge.snapshot["payee_name"], challenge.snapshot["payee_iban"]) == (KERN, FOREIGN_IBAN)
        payee = sign(anna, change, authorisation, challenge)
        assert list(list_trusted_payees(psu_id=anna.pk)) == [payee]
        change.refresh_from_db()
        assert (change.status, change.authorisation_id) == ("applied", authorisation.pk)
        event = AuditEvent.objects.get(event="payments.trusted_payee.added")
        assert (event.data["iban"], event.data["authorisation"]) == (FOREIGN_IBAN, str(authorisation.pk))

    def test_a_code_works_once(self, anna: PSU) -> None:
        change, authorisation, challenge = asked(anna)
        sign(anna, change, authorisation, challenge)
        with pytest.raises(CodeRefused):
            sign(anna, change, authorisation, challenge)

    @pytest.mark.parametrize("column", ["name", "iban"])
    def test_a_code_over_another_payee_is_void(self, anna: PSU, column: str) -> None:
        change, authorisation, challenge = asked(anna)
        proof = proof_for(challenge.pk)
        TrustedPayeeChange.objects.filter(pk=change.pk).update(**{column: OTHER_IBAN})
        with pytest.raises(DynamicLinkBroken):
            authorise_trusted_payee_change(
                change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )
        assert not TrustedPayee.objects.exists()
        challenge.refresh_from_db()
        assert challenge.status == "voided"

    def test_the_code_of_a_payment_trusts_nobody(self, anna: PSU) -> None:
        change, authorisation, _challenge = asked(anna)
        _payment, _authorisation_id, challenge_id = challenged_payment(anna, amount_minor=1)
        with pytest.raises(DynamicLinkBroken):
            authorise_trusted_payee_change(
                change_id=change.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                proof=proof_for(challenge_id),
                now=NOW,
            )

    def test_nobody_is_trusted_twice(self, anna: PSU) -> None:
        trusted_payee(anna)
        with pytest.raises(PayeeTrustedAlready) as caught:
            ask_to_trust_payee(psu=anna, name="Another name", iban=FOREIGN_IBAN, now=NOW)
        assert caught.value.field == "creditor_iban"

    def test_of_two_wishes_for_one_account_the_second_is_over(self, anna: PSU) -> None:
        first, second = asked(anna), asked(anna, name="Another name")
        sign(anna, *first)
        with pytest.raises(TrustedPayeeChangeOver):
            sign(anna, *second)
        assert list_trusted_payees(psu_id=anna.pk).get().name == KERN

    def test_after_a_freeze_no_code_changes_the_list(self, anna: PSU) -> None:
        change, authorisation, challenge = asked(anna)
        proof = proof_for(challenge.pk)
        freeze_sign_in(user_id=anna.user_id, actor_type="psu", actor_id=anna.pk, reason="lost phone", now=NOW)
        with pytest.raises((CodeRefused, AuthorisationOver)):
            authorise_trusted_payee_change(
                change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )
        assert not TrustedPayee.objects.exists()

    def test_a_refused_wish_cannot_be_signed(self, anna: PSU) -> None:
        change, authorisation, challenge = asked(anna)
        proof = proof_for(challenge.pk)
        refuse_trusted_payee_change(change_id=change.pk, psu=anna, reason="cancelled", now=NOW)
        with pytest.raises(TrustedPayeeChangeOver):
            authorise_trusted_payee_change(
                change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )
        with pytest.raises(TrustedPayeeChangeOver):
            send_trusted_payee_code(change_id=change.pk, authorisation_id=authorisation.pk, psu=anna, now=NOW)

    def test_another_customer_has_nothing_to_do_with_it(self, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        change, authorisation, challenge = asked(anna)
        with pytest.raises(TrustedPayeeChangeUnknown):
            sign(bruno, change, authorisation, challenge)
        with pytest.raises(TrustedPayeeChangeUnknown):
            refuse_trusted_payee_change(change_id=change.pk, psu=bruno, reason="-", now=NOW)
        with pytest.raises(TrustedPayeeChangeUnknown):
            start_trusted_payee_authorisation(change_id=change.pk, psu=bruno, now=NOW)

    def test_the_snapshot_names_its_change(self, anna: PSU) -> None:
        one, two = (ask_to_trust_payee(psu=anna, name=KERN, iban=FOREIGN_IBAN, now=NOW) for _ in range(2))
        assert trusted_payee_snapshot(change=one) != trusted_payee_snapshot(change=two)


class TestRenaming:
    def test_takes_a_code_over_the_old_name_and_the_new(self, anna: PSU) -> None:
        payee = trusted_payee(anna)
        change = ask_to_rename_trusted_payee(psu=anna, payee_id=payee.pk, name="Kern KG", now=NOW)
        assert get_trusted_payee(psu_id=anna.pk, payee_id=payee.pk).name == KERN
        assert change is not None
        change, authorisation, challenge = asked(anna, change=change)
        assert (challenge.snapshot["former_name"], challenge.snapshot["payee_name"]) == (KERN, "Kern KG")
        sign(anna, change, authorisation, challenge)
        renamed = get_trusted_payee(psu_id=anna.pk, payee_id=payee.pk)
        assert (renamed.name, renamed.iban, renamed.listed_at) == ("Kern KG", FOREIGN_IBAN, payee.listed_at)
        assert AuditEvent.objects.get(event="payments.trusted_payee.renamed").data["former_name"] == KERN

    def test_to_the_same_name_is_no_change(self, anna: PSU) -> None:
        payee = trusted_payee(anna)
        assert ask_to_rename_trusted_payee(psu=anna, payee_id=payee.pk, name=KERN, now=NOW) is None

    @pytest.mark.parametrize("meanwhile", ["removed", "renamed"])
    def test_of_what_is_another_by_now_is_over(self, anna: PSU, meanwhile: str) -> None:
        payee = trusted_payee(anna)
        change = ask_to_rename_trusted_payee(psu=anna, payee_id=payee.pk, name="Kern KG", now=NOW)
        wish = asked(anna, change=change)
        if meanwhile == "removed":
            remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
        else:
            other = ask_to_rename_trusted_payee(psu=anna, payee_id=payee.pk, name="Kern AG", now=NOW)
            sign(anna, *asked(anna, change=other))
        with pytest.raises(TrustedPayeeChangeOver):
            sign(anna, *wish)

    def test_anothers_payee_looks_missing(self, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        payee = trusted_payee(anna)
        with pytest.raises(TrustedPayeeUnknown):
            ask_to_rename_trusted_payee(psu=bruno, payee_id=payee.pk, name="Mine", now=NOW)
        with pytest.raises(TrustedPayeeUnknown):
            remove_trusted_payee(psu=bruno, payee_id=payee.pk, now=NOW)


class TestRemoving:
    def test_takes_no_code_and_leaves_a_record(self, anna: PSU) -> None:
        payee = trusted_payee(anna)
        remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
        assert not list_trusted_payees(psu_id=anna.pk).exists()
        assert not is_trusted_payee(psu_id=anna.pk, name=KERN, iban=FOREIGN_IBAN)
        payee.refresh_from_db()
        assert payee.removed_at == NOW
        assert AuditEvent.objects.filter(event="payments.trusted_payee.removed").count() == 1

    def test_what_is_removed_is_not_removed_again_but_can_be_added_again(self, anna: PSU) -> None:
        payee = trusted_payee(anna)
        remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
        with pytest.raises(TrustedPayeeUnknown):
            remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
        assert trusted_payee(anna).pk != payee.pk


class TestWhoIsTrusted:
    @pytest.mark.parametrize(
        ("name", "iban", "trusted"),
        [
            (KERN, FOREIGN_IBAN, True),
            (f" {KERN.upper()}  ", FOREIGN_IBAN, True),
            ("Möbelhaus Kern", FOREIGN_IBAN, False),
            (KERN, OTHER_IBAN, False),
        ],
    )
    def test_the_same_account_under_the_same_name(
        self, anna: PSU, name: str, iban: str, trusted: bool
    ) -> None:
        trusted_payee(anna)
        assert is_trusted_payee(psu_id=anna.pk, name=name, iban=iban) is trusted

    def test_by_this_customer_alone(self, anna: PSU) -> None:
        trusted_payee(customer("Bruno", phone="+4915100000002"))
        assert not is_trusted_payee(psu_id=anna.pk, name=KERN, iban=FOREIGN_IBAN)


class TestTheDatabase:
    INSERT = (
        "INSERT INTO payments_trustedpayee (id, psu_id, name, iban, listed_at, changed_at, authorisation_id)"
        " VALUES (gen_random_uuid(), %s, 'Fraud', %s, now(), now(), %s)"
    )

    @pytest.fixture
    def refused(self, anna: PSU) -> Callable[..., None]:
        def check(constraint: str, statement: str, *values: Any) -> None:
            with (
                connection.cursor() as cursor,
                pytest.raises(DatabaseError, match=constraint),
                transaction.atomic(),
            ):
                cursor.execute(statement, values)

        return check

    def test_lets_nobody_on_the_list_without_an_authentication(
        self, anna: PSU, refused: Callable[..., None]
    ) -> None:
        _payment, of_a_payment, _challenge_id = challenged_payment(anna)
        _change, not_finalised, _challenge = asked(anna)
        of_another = asked(customer("Bruno", phone="+4915100000002"))
        sign(of_another[0].psu, *of_another)
        for authorisation_id in (new_id(), of_a_payment, not_finalised.pk, of_another[1].pk):
            refused("only by strong authentication", self.INSERT, anna.pk, OTHER_IBAN, authorisation_id)

    def test_lets_nobody_rename_redirect_or_restore_one_without_another(
        self, anna: PSU, refused: Callable[..., None]
    ) -> None:
        payee = trusted_payee(anna)
        for change in ("name = 'Fraud'", f"iban = '{OTHER_IBAN}'"):
            refused(
                "only by strong authentication",
                f"UPDATE payments_trustedpayee SET {change} WHERE id = %s",
                payee.pk,
            )
        remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
        refused(
            "only by strong authentication",
            "UPDATE payments_trustedpayee SET removed_at = NULL WHERE id = %s",
            payee.pk,
        )

    def test_keeps_an_iban_once_and_an_authorisation_for_one_change(
        self, anna: PSU, refused: Callable[..., None]
    ) -> None:
        first, second = asked(anna), asked(anna, name="Another name")
        sign(anna, *first)
        sql_finalise = (
            "UPDATE sca_scaauthorisation SET sca_status = 'finalised', finalised_at = now(),"
            " elements = '{knowledge,possession}', method = 'SMS_OTP', snapshot_hash = '' WHERE id = %s"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql_finalise, [second[1].pk])
        refused("trusted_payee_once_per_customer", self.INSERT, anna.pk, FOREIGN_IBAN, second[1].pk)
        refused("trusted_payee_once_per_authorisation", self.INSERT, anna.pk, OTHER_IBAN, first[1].pk)

    def test_keeps_no_wish_that_holds_unsigned_nor_one_that_is_neither(
        self, anna: PSU, refused: Callable[..., None]
    ) -> None:
        insert = (
            "INSERT INTO payments_trustedpayeechange (id, psu_id, name, iban, former_name, status, created_at)"
            " VALUES (gen_random_uuid(), %s, 'Kern', 'DE', %s, %s, now())"
        )
        refused("trusted_payee_change_applied_only_authorised", insert, anna.pk, "", "applied")
        refused("trusted_payee_change_adds_or_renames", insert, anna.pk, "Former", "open")


@pytest.mark.django_db(transaction=True)
def test_of_three_who_add_the_same_payee_at_once_one_succeeds() -> None:
    anna = customer("Anna")
    wishes = [asked(anna, name=f"Kern {number}") for number in range(3)]

    def attempt(number: int) -> bool:
        try:
            sign(anna, *wishes[number])
        except TrustedPayeeChangeOver:
            return False
        return True

    assert sorted(in_parallel(3, attempt)) == [False, False, True]
    assert list_trusted_payees(psu_id=anna.pk).count() == 1


def test_no_door_but_the_portal_leads_to_the_list() -> None:
    """RTS art. 13(1): the customer's own bank alone; a TPP cannot write it."""
    users = {
        app.name
        for app in APPS.iterdir()
        if (app / "__init__.py").exists()
        for _path, tree in sources(app.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "apps.payments.trusted_payees"
        if {name.name for name in node.names} & _WRITES
    }
    assert users == {"portal"}


_WRITES = {
    "ask_to_trust_payee",
    "ask_to_rename_trusted_payee",
    "authorise_trusted_payee_change",
    "remove_trusted_payee",
}


def test_open_authorisations_of_the_list_end_with_the_wish(anna: PSU) -> None:
    change, authorisation, challenge = asked(anna)
    refuse_trusted_payee_change(change_id=change.pk, psu=anna, reason="cancelled", now=NOW)
    assert SCAAuthorisation.objects.get(pk=authorisation.pk).sca_status == "failed"
    assert Challenge.objects.get(pk=challenge.pk).status == "voided"
