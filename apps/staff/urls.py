"""The acts of staff; mounted by ``StaffSite.get_urls`` under ``/staff/`` and in the namespace ``admin``."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from apps.staff.views import (
    audit,
    clearing,
    consents,
    fees,
    fraud,
    holders,
    outbox,
    proposals,
    risk,
    screening,
    sign_in_state,
    tokens,
    tpps,
)


def act_patterns(admin_view: Callable[..., Any]) -> list[URLPattern]:
    """Every act behind the site's own guard."""
    return [
        path("tpps/<uuid:tpp_id>/block/", admin_view(tpps.block), name="tpp-block"),
        path("tpps/<uuid:tpp_id>/unblock/", admin_view(tpps.unblock), name="tpp-unblock"),
        path("apps/<uuid:app_id>/suspend/", admin_view(tpps.suspend), name="app-suspend"),
        path("apps/<uuid:app_id>/resume/", admin_view(tpps.resume), name="app-resume"),
        path("consents/<uuid:consent_id>/revoke/", admin_view(consents.revoke), name="consent-revoke"),
        path(
            "customers/<uuid:psu_id>/reopen/",
            admin_view(sign_in_state.reopen_customer),
            name="customer-reopen",
        ),
        path(
            "customers/<uuid:psu_id>/freeze/",
            admin_view(sign_in_state.freeze_customer),
            name="customer-freeze",
        ),
        path(
            "customers/<uuid:psu_id>/activate/",
            admin_view(sign_in_state.activate_customer),
            name="customer-activate",
        ),
        path("users/<uuid:user_id>/reopen/", admin_view(sign_in_state.reopen_user), name="user-reopen"),
        path("tokens/<uuid:token_id>/hand-out/", admin_view(tokens.hand_out), name="token-hand-out"),
        path("tokens/<uuid:token_id>/revoke/", admin_view(tokens.revoke), name="token-revoke"),
        path("proposals/<uuid:proposal_id>/confirm/", admin_view(proposals.confirm), name="proposal-confirm"),
        path("proposals/<uuid:proposal_id>/decline/", admin_view(proposals.decline), name="proposal-decline"),
        path("holders/<int:holder_id>/signing/", admin_view(holders.change_signing), name="holder-signing"),
        path("accounts/<uuid:account_id>/fees/", admin_view(fees.account_fees), name="account-fees"),
        path("accounts/<uuid:account_id>/fees/file/", admin_view(fees.fee_file), name="account-fee-file"),
        path("screening/<uuid:hit_id>/clear/", admin_view(screening.clear), name="hit-clear"),
        path("screening/<uuid:hit_id>/confirm/", admin_view(screening.confirm), name="hit-confirm"),
        path("payments/<uuid:payment_id>/report/", admin_view(fraud.take_report), name="payment-report"),
        path("fraud/reports/<uuid:report_id>/decide/", admin_view(fraud.decide), name="report-decide"),
        path("fraud/rates/", admin_view(fraud.rates), name="fraud-rates"),
        path(
            "fraud/bands/<int:etv_minor>/<int:year>/<int:number>/told/",
            admin_view(fraud.told),
            name="fraud-told",
        ),
        path("fraud/bands/<int:etv_minor>/restore/", admin_view(fraud.restore), name="fraud-restore"),
        path("risk/cases/<uuid:case_id>/close/", admin_view(risk.close), name="case-close"),
        path("risk/elements/list/", admin_view(risk.add_element), name="element-list"),
        path(
            "risk/elements/<uuid:element_id>/remove/", admin_view(risk.remove_element), name="element-remove"
        ),
        path("outbox/<uuid:message_id>/replay/", admin_view(outbox.replay), name="message-replay"),
        path("differences/<uuid:difference_id>/solve/", admin_view(clearing.solve), name="difference-solve"),
        path("transfers/<uuid:instruction_id>/recall/", admin_view(clearing.recall), name="transfer-recall"),
        path("outbox/replay/", admin_view(outbox.replay_all), name="outbox-replay"),
        path("trail/verify/", admin_view(audit.verify), name="trail-verify"),
        path("trail/<slug:object_type>/<str:object_id>/", admin_view(audit.story), name="trail-story"),
    ]
