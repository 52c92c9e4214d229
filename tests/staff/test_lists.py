"""Finding rows: search, filters, sorting, pages, and words for every column in both languages."""

import re
from dataclasses import replace

import pytest
from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.functional import Promise

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.payments.limits import change_limits, usual_limits
from apps.payments.services import pay_without_code
from apps.sca.exemptions import Monitoring
from apps.staff.labels import LABELS
from tests.bulk.files import Group, pain001
from tests.bulk.world import executed
from tests.factories.accounts import NOW
from tests.factories.payments import received_payment
from tests.factories.tpp import TPPFactory
from tests.factories.trusted_payees import trusted_payee
from tests.staff.world import signed_in, superuser

pytestmark = pytest.mark.django_db


def text_of(client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def test_search_finds_by_name_number_and_id(world, rita):
    client = signed_in(rita)
    tpp = world.app.tpp
    TPPFactory(brand_name="Finanzblick", legal_name="Finanzblick GmbH")
    for word in (tpp.authorisation_number, world.app.client_id, "shoppay"):
        text = text_of(client, f"/staff/tpp/tpp/?q={word}")
        assert tpp.authorisation_number in text
        assert "Finanzblick GmbH" not in text
    for page, pk in (
        ("consents/consent", world.consent.pk),
        ("payments/paymentinitiation", world.waiting.pk),
    ):
        assert f"/staff/{page}/{pk}/" in text_of(client, f"/staff/{page}/?q={pk}")
    assert "Nothing found" in text_of(client, f"/staff/consents/consent/?q={world.waiting.pk}")


def test_an_iban_may_be_typed_in_groups_and_must_be_whole(world, rita):
    client, iban = signed_in(rita), world.anna.account.iban
    url = f"/staff/accounts/paymentaccount/{world.anna.account.pk}/"
    grouped = "+".join(iban[start : start + 4] for start in range(0, len(iban), 4))
    assert url in text_of(client, f"/staff/accounts/paymentaccount/?q={grouped}")
    assert url in text_of(client, f"/staff/accounts/paymentaccount/?q={iban.lower()}")
    assert url not in text_of(client, f"/staff/accounts/paymentaccount/?q={iban[:-1]}")


def test_filters_narrow_the_list(world, rita):
    client = signed_in(rita)
    TPPFactory(brand_name="Roleless", roles=[])
    assert "Roleless" not in text_of(client, "/staff/tpp/tpp/?role=PISP")
    assert "Roleless" in text_of(client, "/staff/tpp/tpp/?role=none")
    assert "Nothing found" in text_of(client, "/staff/tpp/tpp/?status__exact=blocked")
    assert "Nothing found" in text_of(client, "/staff/audit/auditevent/?room=sandbox")
    assert "consents.consent.valid" in text_of(client, "/staff/audit/auditevent/?room=consents&actor=psu")


def test_statuses_have_the_words_of_staff_not_of_customers(world, rita):
    text = text_of(signed_in(rita), "/staff/payments/paymentinitiation/")
    assert "waiting for you" not in text
    assert "Waiting for approval" in text


def test_long_lists_have_pages(rita, monkeypatch):
    for number in range(7):
        TPPFactory(brand_name=f"Company {number}")
    client = signed_in(rita)
    from apps.tpp.models import TPP

    monkeypatch.setattr(admin.site._registry[TPP], "list_per_page", 3)
    first = text_of(client, "/staff/tpp/tpp/")
    assert "page 1 of 3" in first
    assert 'rel="next"' in first
    assert 'rel="prev"' not in first
    assert "Company 6" in text_of(client, "/staff/tpp/tpp/?p=3")


def test_columns_sort(world, rita):
    text = text_of(signed_in(rita), "/staff/tpp/tpp/?o=-1")
    assert 'aria-sort="descending"' in text


def test_lists_take_a_bounded_number_of_queries(world, rita, django_assert_max_num_queries):
    client = signed_in(rita)
    for _ in range(20):
        TPPFactory()
    client.get("/staff/tpp/tpp/")
    for page in (
        "tpp/tpp",
        "consents/consent",
        "payments/paymentinitiation",
        "identity/psu",
        "audit/auditevent",
    ):
        with django_assert_max_num_queries(14):
            client.get(f"/staff/{page}/")


def test_the_first_column_opens_the_row_with_words_and_without_a_link_inside(world):
    executed(world.anna, pain001(Group(world.anna.account.iban)))
    change_limits(psu=world.anna, new=replace(usual_limits(), per_payment_minor=100), now=NOW)
    client, looked_at = signed_in(superuser()), set()
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for inside in re.findall(r'<a class="staff-open"[^>]*>(.*?)</a>', text_of(client, url), re.DOTALL):
            assert "<a " not in inside, url
            assert re.sub(r"<[^>]*>", "", inside).strip(), url
            looked_at.add(model._meta.label)
    assert {"bulk.PaymentBatch", "bulk.PaymentItem", "payments.PaymentLimits"} <= looked_at


def shown_fields() -> list[tuple[ReadOnlyAdmin, type[models.Model], str]]:
    """Every field that some page shows."""
    found = []
    for model, page in admin.site._registry.items():
        assert isinstance(page, ReadOnlyAdmin)
        names = [str(name) for name in page.list_display]
        for _title, options in page.fieldsets or ():
            names += [str(name) for name in options["fields"]]
        found += [(page, model, name) for name in names]
        for related in page.related_rows:
            manager = getattr(model, related.accessor).rel.related_model
            found += [(page, manager, name) for name in related.fields]
    return found


def test_every_field_has_words_that_can_be_translated():
    wordless = []
    for page, model, name in shown_fields():
        field = next((field for field in model._meta.get_fields() if field.name == name), None)
        words = getattr(field, "verbose_name", None) or getattr(
            getattr(type(page), name, None), "short_description", None
        )
        if not isinstance(words, Promise) and name not in LABELS:
            wordless.append(f"{model._meta.label}.{name}")
    assert not wordless


def test_no_page_shows_a_binary_field():
    shown = {(model, name) for _page, model, name in shown_fields()}
    binary = [
        (model._meta.label, name)
        for model, name in shown
        for field in model._meta.fields
        if field.name == name and isinstance(field, models.BinaryField)
    ]
    assert not binary


def test_german_pages_have_no_word_left_by_a_template_error(world):
    client = signed_in(superuser())
    client.cookies["language"] = "de"
    for page in ("/staff/", "/staff/tpp/tpp/", f"/staff/consents/consent/{world.consent.pk}/"):
        assert client.get(page).status_code == 200


def test_payments_without_a_code_and_trusted_payees_are_looked_at_with_all_their_figures(world, settings):
    settings.SCA_EXEMPTIONS = ["13", "16"]
    payee = trusted_payee(world.anna)
    paid = pay_without_code(
        payment_id=received_payment(
            world.anna, creditor_iban="FR7630006000011234567890189", amount_minor=1_234
        ).pk,
        psu=world.anna,
        monitoring=Monitoring(),
        now=NOW,
    )
    client = signed_in(superuser())
    page = text_of(client, f"/staff/payments/paymentexemption/{paid.exemption.pk}/")
    for shown in ("low_value", "total_since_sca_minor", "1234", "payee_not_trusted"):
        assert shown in page
    assert f"/staff/payments/paymentexemption/{paid.exemption.pk}/" in text_of(
        client, f"/staff/payments/paymentexemption/?q={paid.pk}"
    )
    assert payee.name in text_of(client, f"/staff/payments/trustedpayee/{payee.pk}/")
    assert payee.name in text_of(client, "/staff/payments/trustedpayee/?q=DE02+1203+0000+0000+2020+51")
