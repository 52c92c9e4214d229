"""The paths of the contract. What it has and this bank does not is named too, so that it gets a clear answer."""

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from apps.xs2a.views.accounts import AccountListView, AccountView, BalancesView
from apps.xs2a.views.consent_authorisations import ConsentAuthorisationListView, ConsentAuthorisationView
from apps.xs2a.views.consents import ConsentListView, ConsentStatusView, ConsentView
from apps.xs2a.views.creditor_confirmation import CreditorConfirmationView
from apps.xs2a.views.not_offered import NotOfferedView
from apps.xs2a.views.payment_authorisations import PaymentAuthorisationListView, PaymentAuthorisationView
from apps.xs2a.views.payments import PaymentListView, PaymentStatusView, PaymentView
from apps.xs2a.views.transactions import TransactionListView, TransactionView

app_name = "xs2a"


class PaymentServiceConverter(StringConverter):
    """The payment services of the contract; offered or not is the view's answer."""

    regex = "payments|bulk-payments|periodic-payments"


register_converter(PaymentServiceConverter, "payment_service")

_PRODUCT = "<payment_service:payment_service>/<str:payment_product>"

urlpatterns = [
    # First the most frequent: paths are tried in this order.
    path("accounts", AccountListView.as_view(), name="account-list"),
    path("accounts/<str:account_id>", AccountView.as_view(), name="account"),
    path("accounts/<str:account_id>/balances", BalancesView.as_view(), name="balances"),
    path("accounts/<str:account_id>/transactions", TransactionListView.as_view(), name="transaction-list"),
    path(
        "accounts/<str:account_id>/transactions/<str:transaction_id>",
        TransactionView.as_view(),
        name="transaction",
    ),
    path("consents", ConsentListView.as_view(), name="consent-list"),
    path("consents/<str:consent_id>", ConsentView.as_view(), name="consent"),
    path("consents/<str:consent_id>/status", ConsentStatusView.as_view(), name="consent-status"),
    path(
        "consents/<str:consent_id>/authorisations",
        ConsentAuthorisationListView.as_view(),
        name="consent-authorisation-list",
    ),
    path(
        "consents/<str:consent_id>/authorisations/<str:authorisation_id>",
        ConsentAuthorisationView.as_view(),
        name="consent-authorisation",
    ),
    path(_PRODUCT, PaymentListView.as_view(), name="payment-list"),
    path(f"{_PRODUCT}/<str:payment_id>", PaymentView.as_view(), name="payment"),
    path(f"{_PRODUCT}/<str:payment_id>/status", PaymentStatusView.as_view(), name="payment-status"),
    path(
        f"{_PRODUCT}/<str:payment_id>/creditor-confirmation",
        CreditorConfirmationView.as_view(),
        name="creditor-confirmation",
    ),
    path(
        f"{_PRODUCT}/<str:payment_id>/authorisations",
        PaymentAuthorisationListView.as_view(),
        name="payment-authorisation-list",
    ),
    path(
        f"{_PRODUCT}/<str:payment_id>/authorisations/<str:authorisation_id>",
        PaymentAuthorisationView.as_view(),
        name="payment-authorisation",
    ),
    path(f"{_PRODUCT}/<str:payment_id>/cancellation-authorisations", NotOfferedView.as_view()),
    path(
        f"{_PRODUCT}/<str:payment_id>/cancellation-authorisations/<str:authorisation_id>",
        NotOfferedView.as_view(),
    ),
    re_path(r"^card-accounts(/[^/]+(/(balances|transactions))?)?$", NotOfferedView.as_view()),
    path("funds-confirmations", NotOfferedView.as_view()),
    re_path(
        r"^signing-baskets(/[^/]+(/(status|authorisations(/[^/]+)?))?)?$",
        NotOfferedView.as_view(),
    ),
]
