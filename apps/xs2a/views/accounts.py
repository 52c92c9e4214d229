from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.accounts.queries import AccountUnknown, get_balance
from apps.consents.queries import (
    ConsentedAccount,
    ConsentUnknown,
    get_consent_for_app,
    get_consented_account,
    list_readable_accounts,
)
from apps.consents.rules import AccessKind
from apps.consents.services import AccessNotGranted, record_account_access
from apps.core.ids import parse_uuid
from apps.tpp.rules import Role
from apps.xs2a import headers
from apps.xs2a.answers import json_answer
from apps.xs2a.query import read_flag
from apps.xs2a.refusals import ConsentNotOfToken, ConsentUnknownInHeader, FormatError, TokenNotForService
from apps.xs2a.serializers import accounts as serializers
from apps.xs2a.views.base import XS2AView


class AccountReadView(XS2AView):
    """What is common to all reads below /v1/accounts: a customer's token and the consent it was given for."""

    role = Role.AISP

    consent_id: UUID
    psu_present: bool

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.caller.consent_id is None:
            raise TokenNotForService(_("A token that a customer's consent gave is needed."))
        self.consent_id = self.caller.consent_id
        self._check_consent_header()
        # His address is sent if and only if he asks for it himself (RTS art. 36(5)(a)).
        self.psu_present = bool(headers.read_psu_ip_address(self.http, mandatory=False))

    def _check_consent_header(self) -> None:
        text = self.http.META.get("HTTP_CONSENT_ID", "")
        if not text:
            raise FormatError(_("Name the consent."), path=headers.CONSENT_ID)
        named = parse_uuid(text)
        if named == self.consent_id:
            return
        try:
            get_consent_for_app(app_id=self.caller.app.pk, consent_id=named or UUID(int=0))
        except ConsentUnknown:
            raise ConsentUnknownInHeader(
                _("There is no such consent of this app."), path=headers.CONSENT_ID
            ) from None
        raise ConsentNotOfToken(_("The token was given for another consent."), path=headers.CONSENT_ID)

    def open_account(self, account_id: str) -> ConsentedAccount:
        """The account in the path, if the consent opens it."""
        known = parse_uuid(account_id)
        if known is None:
            raise AccountUnknown(account_id[:40])
        return get_consented_account(consent_id=self.consent_id, account_id=known)

    def record(self, opened: ConsentedAccount, kind: AccessKind) -> None:
        """Count and note the access, before it is answered."""
        record_account_access(
            consent=opened.consent,
            kind=kind,
            account_id=opened.account.pk,
            psu_present=self.psu_present,
            now=self.now,
        )


class AccountListView(AccountReadView):
    """GET /v1/accounts."""

    query_parameters = frozenset({"withBalance"})

    def get(self, request: Request) -> HttpResponse:
        with_balance = read_flag(self.http, "withBalance")
        consent = get_consent_for_app(app_id=self.caller.app.pk, consent_id=self.consent_id)
        readable = list_readable_accounts(consent=consent)
        record_account_access(
            consent=consent,
            kind=AccessKind.ACCOUNT_LIST,
            account_id=None,
            psu_present=self.psu_present,
            now=self.now,
        )
        accounts = [
            serializers.account_details(
                account=row.payment_account,
                may_balances=row.may_balances,
                may_transactions=row.may_transactions,
                balance=get_balance(account=row.payment_account)
                if with_balance and row.may_balances
                else None,
            )
            for row in readable
        ]
        return json_answer({"accounts": accounts})


class AccountView(AccountReadView):
    """GET /v1/accounts/{account-id}."""

    query_parameters = frozenset({"withBalance"})

    def get(self, request: Request, account_id: str) -> HttpResponse:
        with_balance = read_flag(self.http, "withBalance")
        opened = self.open_account(account_id)
        self.record(opened, AccessKind.ACCOUNT)
        details = serializers.account_details(
            account=opened.account,
            may_balances=opened.may_balances,
            may_transactions=opened.may_transactions,
            balance=get_balance(account=opened.account) if with_balance and opened.may_balances else None,
        )
        return json_answer({"account": details})


class BalancesView(AccountReadView):
    """GET /v1/accounts/{account-id}/balances."""

    def get(self, request: Request, account_id: str) -> HttpResponse:
        opened = self.open_account(account_id)
        if not opened.may_balances:
            raise AccessNotGranted("balances")
        self.record(opened, AccessKind.BALANCES)
        balances = serializers.balance_list(get_balance(account=opened.account))
        return json_answer({"account": serializers.account_reference(opened.account), "balances": balances})
