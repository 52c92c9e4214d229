from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils import translation

from apps.web.formatting import format_directed, group_iban, iban_tail
from apps.web.statuses import STATUS_LOOKS, status_look
from apps.web.templatetags import bank
from tests.web.pages import HOSTILE, EveryField, render_source

NBSP = "\u00a0"
MOMENT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


def render(source: str, **context: Any) -> str:
    return render_source(source, context, RequestFactory().get("/"))


class TestAmounts:
    @pytest.mark.parametrize(
        ("minor", "direction", "english", "german"),
        [
            (8600, "DEBIT", f"−{NBSP}€86.00", f"−{NBSP}86,00{NBSP}€"),
            (318044, "CREDIT", f"+{NBSP}€3,180.44", f"+{NBSP}3.180,44{NBSP}€"),
        ],
    )
    def test_have_a_sign_and_the_languages_form(
        self, minor: int, direction: str, english: str, german: str
    ) -> None:
        with translation.override("en"):
            assert format_directed(minor, "EUR", direction) == english
        with translation.override("de"):
            assert format_directed(minor, "EUR", direction) == german

    def test_credits_are_not_told_by_colour_alone(self) -> None:
        html = render('<c-money :minor="1850" direction="CREDIT" />')
        assert "amount-credit" in html
        assert f"+{NBSP}€18.50" in html

    def test_a_balance_has_no_plus(self) -> None:
        assert "€10,718.37" in render('<c-money :minor="1071837" currency="EUR" />')

    def test_a_missing_amount_is_nothing(self) -> None:
        assert bank.money(None) == ""


class TestIBAN:
    def test_is_grouped_in_fours(self) -> None:
        assert group_iban("DE89370400440532013000") == "DE89 3704 0044 0532 0130 00"
        assert group_iban("DE89 3704 0044 0532 0130 00") == "DE89 3704 0044 0532 0130 00"

    def test_tail_is_enough_to_recognise(self) -> None:
        assert iban_tail("DE89370400440532013000") == "…3000"
        assert iban_tail("") == ""


class TestDates:
    def test_are_told_in_bank_local_time(self) -> None:
        assert bank.bank_datetime(MOMENT) == "22 Nov 2026, 00:30"

    def test_are_told_in_the_readers_language(self) -> None:
        with translation.override("de"):
            assert bank.bank_date(date(2026, 11, 21), "long") == "Samstag, 21. November 2026"

    def test_a_day_has_no_time(self) -> None:
        assert bank.bank_date(date(2026, 11, 21), "datetime") == "21 Nov 2026"

    def test_a_machine_can_read_them(self) -> None:
        html = render('<c-date :value="day" />', day=date(2026, 11, 21))
        assert 'datetime="2026-11-21"' in html


class TestStatus:
    def test_has_words_tone_and_icon(self) -> None:
        html = render('<c-badge :status="status" />', status="RJCT")
        assert "badge-danger" in html
        assert "Not carried out" in html
        assert "icons.svg#x" in html

    @pytest.mark.parametrize("status", sorted(STATUS_LOOKS))
    def test_icons_and_tones_exist(self, status: str) -> None:
        from pathlib import Path

        sprite = (Path(__file__).resolve().parents[2] / "static/img/icons.svg").read_text()
        look = status_look(status)
        assert f'id="{look.icon}"' in sprite
        assert look.tone in ("ok", "warn", "danger", "info", "neutral")

    def test_an_unknown_one_is_shown_escaped(self) -> None:
        assert "&lt;script&gt;" in render('<c-badge :status="status" />', status=HOSTILE)


class TestEscaping:
    @pytest.mark.parametrize(
        "source",
        [
            '<c-account-card :name="text" :iban="text" :minor="1" />',
            '<c-consent-card :name="text" :country="text" :authorisation-number="text" status="valid" />',
            '<c-sign-sheet :minor="1" :payee="text" :iban="text" :from-name="text" :reference="text" :when="text" />',
            '<c-notice :title="text">{{ text }}</c-notice>',
            '<c-copy-value :text="text" :label="text" />',
            '<c-code-block :text="text" :label="text" />',
            '<c-data-table :caption="text"></c-data-table>',
            '<c-empty :title="text">{{ text }}</c-empty>',
            '<c-iban :value="text" />',
            '<c-icon :name="text" :label="text" />',
            '<c-crumbs :items="crumbs" />',
            '<c-stepper :steps="steps" :current="1" />',
            '<c-notice title="{{ text }}">x</c-notice>',
        ],
    )
    def test_text_of_others_stays_text(self, source: str) -> None:
        hostile = f'"{HOSTILE}'
        html = render(source, text=hostile, crumbs=[("", hostile)], steps=[hostile])
        assert "<script" not in html
        assert '""' not in html.replace('class=""', "").replace('=""', "")

    def test_a_component_does_not_see_the_page_around_it(self) -> None:
        assert "secret" not in render("<c-notice>x</c-notice>", title="secret")


class TestFields:
    def test_are_wired_to_hint_and_error(self) -> None:
        html = render('<c-field :field="form.iban" />', form=EveryField({}))
        assert 'aria-describedby="id_iban_error id_iban_hint"' in html
        assert 'aria-invalid="true"' in html
        assert 'for="id_iban"' in html
        assert "This field is required." in html

    def test_without_a_mistake_are_not_marked(self) -> None:
        html = render('<c-field :field="form.name" />', form=EveryField())
        assert "aria-invalid" not in html
        assert "aria-describedby" not in html

    def test_of_choice_are_a_group_with_a_legend(self) -> None:
        html = render('<c-field :field="form.picks" />', form=EveryField())
        assert "<legend" in html
        assert html.count('type="checkbox"') == 2

    def test_say_that_they_may_stay_empty(self) -> None:
        assert "(optional)" in render('<c-field :field="form.note" />', form=EveryField())

    def test_what_came_in_goes_out_escaped(self) -> None:
        assert "<script" not in render('<c-field :field="form.iban" />', form=EveryField({"iban": HOSTILE}))

    def test_a_code_is_one_field_that_phones_can_fill(self) -> None:
        html = render('<c-otp-input :field="form.code" />', form=EveryField())
        assert html.count("<input") == 1
        assert 'autocomplete="one-time-code"' in html
        assert 'inputmode="numeric"' in html

    def test_errors_are_summed_up_with_links(self) -> None:
        html = render('<c-form-errors :form="form" />', form=EveryField({}))
        assert 'role="alert"' in html
        assert 'href="#id_name"' in html
        assert render('<c-form-errors :form="form" />', form=EveryField()).strip() == ""


class TestMenu:
    @pytest.mark.urls("tests.web.pages")
    def test_shows_only_pages_that_exist_and_marks_the_present_one(self) -> None:
        from apps.web.navigation import build_menu

        links = build_menu("portal", path="/accounts/1/")
        assert [(link.url, link.is_current) for link in links] == [("/home/", True), ("/pay/", False)]

    def test_labels_for_phones_are_short(self) -> None:
        from apps.web.navigation import MENUS

        assert all(len(str(item.short_label)) <= 10 for menu in MENUS.values() for item in menu)
