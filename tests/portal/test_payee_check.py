"""What the portal says of the payee's name before a transfer is signed, and what a customer can do about it."""

from html import unescape

import pytest

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.tpp.models import App
from tests.factories.identity import PASSWORD
from tests.payees import directories
from tests.portal.kit import Visitor, ask_payment, code_for, text_of, value_of

GOOD = "Name and IBAN belong together"
CLOSE = "The name is almost right, but not quite"
BAD = "Name and IBAN do not belong together"
UNKNOWN = "We could not check the name"
NAMES = {GOOD: "Moebelhaus Kern", CLOSE: "Möbelhaus Kerm", BAD: "Dr. Wurst", UNKNOWN: "Möbelhaus Kern"}


def payment_of(psu: PSU) -> PaymentInitiation:
    return PaymentInitiation.objects.filter(psu=psu).latest("created_at")


def entered(visitor: Visitor, psu: PSU, name: str) -> PaymentInitiation:
    visitor.enter_transfer(creditor_name=name)
    return payment_of(psu)


def said(text: str) -> list[str]:
    return [title for title in NAMES if title in text]


@pytest.mark.req("IPR-5c(verify)", "IPR-5c(authorise)")
@pytest.mark.parametrize("title", NAMES)
def test_it_is_told_before_signing_and_while_signing_and_never_in_the_way(
    customer_anna: Visitor, anna: PSU, settings, title: str
) -> None:
    if title == UNKNOWN:
        settings.VOP_DIRECTORY = directories.path(directories.Broken)
    payment = entered(customer_anna, anna, NAMES[title])
    review = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/review/")))
    assert said(review) == [title]
    assert ("Möbelhaus Kern GmbH" in review) == (title == CLOSE)
    assert ("we do not have to pay it back" in review) == (title in (CLOSE, BAD))
    before_code = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/sign/")))
    assert said(before_code) == [title]
    customer_anna.post(f"/pay/{payment.pk}/code/")
    sign = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/sign/")))
    assert said(sign) == [title]
    assert ("Möbelhaus Kern GmbH" in sign) == (title == CLOSE)
    customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
    payment.refresh_from_db()
    assert payment.transaction_status == "ACTC"


def test_the_sign_page_says_what_the_code_was_made_over(customer_anna: Visitor, anna: PSU) -> None:
    payment = entered(customer_anna, anna, NAMES[BAD])
    customer_anna.post(f"/pay/{payment.pk}/code/")
    PaymentInitiation.objects.filter(pk=payment.pk).update(creditor_name_match="MTCH")
    assert said(text_of(customer_anna.get(f"/pay/{payment.pk}/sign/"))) == [BAD]


def test_the_shown_name_can_be_taken_and_is_checked_anew(customer_anna: Visitor, anna: PSU) -> None:
    payment = entered(customer_anna, anna, NAMES[CLOSE])
    review = text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
    assert "take this name" in review
    back = customer_anna.post(f"/pay/{payment.pk}/edit/", take_shown_name="1").headers["Location"]
    assert "Kern" not in back  # No name in an address.
    form = customer_anna.get(back)
    assert value_of(form, "form_key")
    assert 'value="Möbelhaus Kern GmbH"' in text_of(form)
    payment.refresh_from_db()
    assert payment.transaction_status == "CANC"
    again = entered(customer_anna, anna, "Möbelhaus Kern GmbH")
    assert (again.creditor_name_match, again.pk != payment.pk) == ("MTCH", True)
    assert payment.creditor_name_match == "CMTC"


def test_without_a_close_match_there_is_no_name_to_take(customer_anna: Visitor, anna: PSU) -> None:
    payment = entered(customer_anna, anna, NAMES[BAD])
    assert "take_shown_name" not in text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
    back = customer_anna.post(f"/pay/{payment.pk}/edit/", take_shown_name="1").headers["Location"]
    assert 'value="Dr. Wurst"' in text_of(customer_anna.get(back))


def test_a_plain_change_keeps_the_name_that_was_entered(customer_anna: Visitor, anna: PSU) -> None:
    payment = entered(customer_anna, anna, NAMES[CLOSE])
    back = customer_anna.post(f"/pay/{payment.pk}/edit/").headers["Location"]
    assert 'value="Möbelhaus Kerm"' in text_of(customer_anna.get(back))


def test_nobody_else_gets_the_name_by_way_of_the_form(customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
    payment = entered(customer_anna, anna, NAMES[CLOSE])
    other = Visitor()
    other.sign_in(bruno)
    page = text_of(other.get("/pay/", like=str(payment.pk), payee="shown"))
    assert "Kern" not in page


def test_a_name_from_another_bank_is_text_and_no_markup(customer_anna: Visitor, anna: PSU, settings) -> None:
    settings.VOP_DIRECTORY = directories.path(directories.Dangerous)
    payment = entered(customer_anna, anna, "Kern")
    assert payment.matched_creditor_name == "<script>alert(1)</script> Kern"
    customer_anna.post(f"/pay/{payment.pk}/code/")
    for step in ("review", "sign"):
        page = text_of(customer_anna.get(f"/pay/{payment.pk}/{step}/"))
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; Kern" in page


def test_the_form_sent_twice_is_looked_up_once(customer_anna: Visitor, anna: PSU, settings) -> None:
    settings.VOP_DIRECTORY = directories.path(directories.Counting)
    directories.Counting.asked = 0
    key = "0198c000-0000-7000-8000-000000000001"
    for _ in range(2):
        customer_anna.enter_transfer(form_key=key)
    assert directories.Counting.asked == 1
    assert PaymentInitiation.objects.filter(psu=anna).count() == 1


def test_an_order_from_before_the_check_says_nothing_of_it(customer_anna: Visitor, anna: PSU) -> None:
    payment = entered(customer_anna, anna, NAMES[GOOD])
    PaymentInitiation.objects.filter(pk=payment.pk).update(
        creditor_name_match="NOAP", creditor_name_checked_at=None
    )
    customer_anna.post(f"/pay/{payment.pk}/code/")
    for page in ("", "review/", "sign/"):
        assert said(text_of(customer_anna.get(f"/pay/{payment.pk}/{page}"))) == []


@pytest.mark.req("IPR-5c(verify)")
@pytest.mark.parametrize(
    ("outcome", "title"), [("CMTC", CLOSE), ("NMTC", BAD), ("NOAP", UNKNOWN), ("MTCH", GOOD)]
)
def test_who_comes_from_a_company_is_told_before_he_signs(
    visitor: Visitor, anna: PSU, app: App, outcome: str, title: str
) -> None:
    payment, authorisation = ask_payment(app, anna.account)
    shown = "Möbel Kern AG" if outcome == "CMTC" else ""
    PaymentInitiation.objects.filter(pk=payment.pk).update(
        creditor_name_match=outcome, matched_creditor_name=shown
    )
    start = f"/authorise/{authorisation.pk}/"
    first = unescape(text_of(visitor.get(start)))
    assert said(first) == [title]
    visitor.post(start, user_id=anna.user.username, password=PASSWORD)
    page = unescape(text_of(visitor.get(f"{start}code/")))
    assert said(page) == [title]
    assert ("Möbel Kern AG" in page) == (outcome == "CMTC")
    assert (f"ask {app.tpp.brand_name}" in page) == (outcome in ("CMTC", "NMTC"))
    visitor.post(f"{start}code/", code=code_for(anna))
    payment.refresh_from_db()
    assert payment.transaction_status == "ACTC"
