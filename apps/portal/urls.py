"""The portal's addresses. Nothing of a payment or an account stands in one but random ids."""

from django.urls import path

from apps.portal.views import (
    accounts,
    apps,
    authorise,
    home,
    limits,
    pages,
    payments,
    security,
    sign_in,
    standing_orders,
    statements,
)

app_name = "portal"

urlpatterns = [
    path("", sign_in.root, name="root"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="sign-in-code"),
    path("sign-in/code/resend/", sign_in.resend, name="sign-in-resend"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("home/", home.home, name="home"),
    path("transactions/", accounts.transactions, name="transaction-list"),
    path("accounts/<uuid:account_id>/", accounts.account, name="account"),
    path(
        "accounts/<uuid:account_id>/transactions/<str:transaction_id>/",
        accounts.transaction,
        name="transaction",
    ),
    path("accounts/<uuid:account_id>/statements/", statements.statement_list, name="statement-list"),
    path("accounts/<uuid:account_id>/statements/period/", statements.period, name="statement-period"),
    path(
        "accounts/<uuid:account_id>/statements/<int:year>-<int:month>/<str:file_format>/",
        statements.month,
        name="statement-month",
    ),
    path(
        "accounts/<uuid:account_id>/statements/fees/<int:year>/<str:file_format>/",
        statements.fees,
        name="statement-fees",
    ),
    path("pay/", payments.new, name="payment-new"),
    path("pay/list/", payments.payment_list, name="payment-list"),
    path("pay/standing/", standing_orders.order_list, name="standing-order-list"),
    path("pay/standing/new/", standing_orders.new, name="standing-order-new"),
    path("pay/standing/<uuid:standing_order_id>/", standing_orders.detail, name="standing-order"),
    path(
        "pay/standing/<uuid:standing_order_id>/review/",
        standing_orders.review,
        name="standing-order-review",
    ),
    path(
        "pay/standing/<uuid:standing_order_id>/code/", standing_orders.send_code, name="standing-order-code"
    ),
    path("pay/standing/<uuid:standing_order_id>/sign/", standing_orders.sign, name="standing-order-sign"),
    path("pay/standing/<uuid:standing_order_id>/edit/", standing_orders.edit, name="standing-order-edit"),
    path("pay/standing/<uuid:standing_order_id>/end/", standing_orders.end, name="standing-order-end"),
    path("pay/<uuid:payment_id>/", payments.payment, name="payment"),
    path("pay/<uuid:payment_id>/status/", payments.payment_status, name="payment-status"),
    path("pay/<uuid:payment_id>/review/", payments.review, name="payment-review"),
    path("pay/<uuid:payment_id>/code/", payments.send_code, name="payment-code"),
    path("pay/<uuid:payment_id>/sign/", payments.sign, name="payment-sign"),
    path("pay/<uuid:payment_id>/edit/", payments.edit, name="payment-edit"),
    path("pay/<uuid:payment_id>/cancel/", payments.cancel, name="payment-cancel"),
    path("apps/", apps.app_list, name="app-list"),
    path("apps/<uuid:consent_id>/stop/", apps.stop, name="app-stop"),
    path("security/", security.security, name="security"),
    path("security/limits/", limits.show, name="limits"),
    path("security/limits/<uuid:change_id>/", limits.sign, name="limits-sign"),
    path("security/limits/<uuid:change_id>/code/", limits.send_code, name="limits-code"),
    path("security/limits/<uuid:change_id>/cancel/", limits.cancel, name="limits-cancel"),
    path("help/", pages.help_page, name="help"),
    path("accessibility/", pages.accessibility, name="accessibility"),
    path("legal/", pages.legal, name="legal"),
    path("authorise/<uuid:authorisation_id>/", authorise.start, name="authorise"),
    path("authorise/<uuid:authorisation_id>/code/", authorise.code, name="authorise-code"),
    path("authorise/<uuid:authorisation_id>/code/resend/", authorise.resend, name="authorise-resend"),
    path("authorise/<uuid:authorisation_id>/confirm/", authorise.confirm, name="authorise-confirm"),
    path("authorise/<uuid:authorisation_id>/cancel/", authorise.cancel, name="authorise-cancel"),
    path("authorise/<uuid:authorisation_id>/done/", authorise.done, name="authorise-done"),
]
