"""Every code that TPPs are answered with: what it means, why it comes, what to do.

One source for the console's pages and ``docs/reference/errors.md``. Which refusal gives which code stands in the
doors' own tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One code with the HTTP statuses that it comes with. ``causes`` are the usual ones, the commonest first."""

    code: str
    statuses: tuple[int, ...]
    title: str | Promise
    causes: tuple[str | Promise, ...]
    remedy: str | Promise

    @property
    def status_text(self) -> str:
        return ", ".join(str(status) for status in self.statuses)


TPP_MESSAGES: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "FORMAT_ERROR",
        (400,),
        _("The request does not have the form that the contract describes"),
        (
            _(
                "A header is missing: X-Request-ID on every call, PSU-IP-Address when a consent or payment is created."
            ),
            _("The body is no JSON object, has a member twice, or one that the contract does not know."),
            _("An IBAN, amount or date is malformed, or validUntil is in the past."),
            _("A consent for one time has another frequencyPerDay than 1."),
            _("TPP-Redirect-URI is none of the app's registered redirect URIs, to the letter."),
        ),
        _("Look at path in the message: it names the header or the member. Compare it with the contract."),
    ),
    CatalogueEntry(
        "PARAMETER_NOT_SUPPORTED",
        (400,),
        _("The contract knows this, this bank does not offer it"),
        (_("An optional parameter or member asks for something that is not offered here."),),
        _("Leave it out. The API reference lists what is offered and where this bank differs."),
    ),
    CatalogueEntry(
        "PARAMETER_NOT_CONSISTENT",
        (400,),
        _("Each part is right, together they contradict one another"),
        (
            _("An X-Request-ID was used before for another request."),
            _("A new authorisation names another TPP-Redirect-URI than the payment."),
        ),
        _("Give each call its own UUID; repeat a call only with the same headers and body."),
    ),
    CatalogueEntry(
        "PERIOD_INVALID",
        (400,),
        _("The dates are out of bounds"),
        (
            _("dateTo lies before dateFrom."),
            _("endDate of a standing order lies before its first payment."),
            _(
                "Bookings older than 90 days are given only shortly after the customer authorised the consent."
            ),
        ),
        _(
            "Ask for the last 90 days; fetch what is older right after the authorisation. Dates are days in Berlin."
        ),
    ),
    CatalogueEntry(
        "SESSIONS_NOT_SUPPORTED",
        (400,),
        _("Account information and payments cannot share a session here"),
        (_("combinedServiceIndicator is true."),),
        _("Send false, and ask for each service by itself."),
    ),
    CatalogueEntry(
        "PAYMENT_FAILED",
        (400,),
        _("The payment cannot be carried out as it was ordered"),
        (
            _("The currency is not the euro, or the account is kept in another one."),
            _("Debtor's and creditor's account are the same."),
            _("The amount is more than a limit allows that the customer has set at the bank."),
        ),
        _("Correct the order and send it as a new payment."),
    ),
    CatalogueEntry(
        "EXECUTION_DATE_INVALID",
        (400,),
        _("The day of execution is out of bounds"),
        (
            _("requestedExecutionDate lies in the past, by the bank's local day, or more than a year ahead."),
            _(
                "A standing order would pay for the first time today or earlier, or begins more than a year ahead."
            ),
        ),
        _("Leave it out to have the payment carried out at once, or name a day from today to a year ahead."),
    ),
    CatalogueEntry(
        "RESOURCE_BLOCKED",
        (400,),
        _("The account is blocked"),
        (_("The bank has blocked the customer's account, for example on the customer's own word."),),
        _("Tell the customer to call the bank. Trying again does not help."),
    ),
    CatalogueEntry(
        "TOKEN_UNKNOWN",
        (401,),
        _("There is no such token"),
        (
            _("The header Authorization: Bearer … is missing."),
            _("The token is another bank's, or was cut when it was copied."),
        ),
        _("Get a token at the token endpoint and send it in the Authorization header, never in the address."),
    ),
    CatalogueEntry(
        "TOKEN_EXPIRED",
        (401,),
        _("The token has expired"),
        (_("Access tokens live for ten minutes."),),
        _(
            "Use the refresh token, or ask for a new client token. Read expires_in instead of waiting for this answer."
        ),
    ),
    CatalogueEntry(
        "TOKEN_INVALID",
        (401,),
        _("The token is not good for this"),
        (
            _("A client token where a customer's token is needed, or the other way round."),
            _("The token was revoked, or belongs to a customer who may not sign in any more."),
        ),
        _(
            "Accounts are read with the customer's token; consents and payments are created with the app's own."
        ),
    ),
    CatalogueEntry(
        "CERTIFICATE_BLOCKED",
        (401,),
        _("The bank has blocked the company or suspended the app"),
        (
            _(
                "The pages of your company and of the app show which of them, and the reason as far as it may be told."
            ),
        ),
        _("Talk to the bank. Every call is refused until the block is lifted; consents stay as they are."),
    ),
    CatalogueEntry(
        "ROLE_INVALID",
        (401,),
        _("The company is not licensed for this service"),
        (_("Account information needs the role AISP, payments PISP, confirmation of funds PIISP."),),
        _("See the roles on your company's page. In production they are read from your certificate."),
    ),
    CatalogueEntry(
        "CONSENT_INVALID",
        (401,),
        _("The consent does not allow this"),
        (
            _("The customer has not approved it yet, has stopped it, or it was ended."),
            _("The consent does not name this account, or not this kind of data."),
            _("The token was given for another consent than Consent-ID names."),
        ),
        _("Ask for the consent's status. If the customer stopped it, ask the customer for a new one."),
    ),
    CatalogueEntry(
        "CONSENT_EXPIRED",
        (401,),
        _("The consent's last day is over"),
        (_("validUntil has passed. The bank shortens it to 180 days; the consent says which day holds."),),
        _("Ask the customer for a new consent."),
    ),
    CatalogueEntry(
        "PSU_CREDENTIALS_INVALID",
        (401,),
        _("The customer could not be identified"),
        (
            _("PSU-ID-Token is none that this bank gave this app, or it has expired."),
            _("The ID token belongs to somebody who does not own the debtor account."),
        ),
        _("Leave PSU-ID-Token out: the customer then signs in at the bank. Or enrol the account first."),
    ),
    CatalogueEntry(
        "CONSENT_UNKNOWN",
        (400, 403),
        _("There is no such consent of this app"),
        (
            _("The ID is mistyped, or the consent belongs to another app. Both look the same."),
            _("400 when it came in the Consent-ID header, 403 when it stood in the path."),
        ),
        _("Store the consentId with the customer, and use it only with the app that asked for it."),
    ),
    CatalogueEntry(
        "SERVICE_BLOCKED",
        (403,),
        _("The service is not available for this customer"),
        (_("The customer may not pay online from this account, or the bank has switched it off for him."),),
        _("Tell the customer to ask the bank. Trying again does not help."),
    ),
    CatalogueEntry(
        "RESOURCE_EXPIRED",
        (403,),
        _("The time for this is over"),
        (_("The customer did not authorise in time, or the authorisation has ended."),),
        _("Start a new authorisation, or a new payment if the old one was rejected."),
    ),
    CatalogueEntry(
        "RESOURCE_UNKNOWN",
        (400, 403, 404),
        _("There is nothing here for this app"),
        (
            _("The path is mistyped."),
            _(
                "The payment, account or authorisation does not exist, or is another app's. Both look the same."
            ),
            _("400 when the IBAN in a consent is none of this bank's."),
        ),
        _("Follow the links in the answers instead of building paths."),
    ),
    CatalogueEntry(
        "PRODUCT_UNKNOWN",
        (404,),
        _("There is no such payment product"),
        (
            _(
                "Single payments are offered as sepa-credit-transfers, instant-sepa-credit-transfers, target-2-payments"
                " and cross-border-credit-transfers, standing orders (periodic-payments) as sepa-credit-transfers."
            ),
        ),
        _("See the API reference for the products."),
    ),
    CatalogueEntry(
        "SERVICE_INVALID",
        (405,),
        _("This method is not offered here"),
        (
            _("The path exists, but not with this HTTP method."),
            _(
                "The contract has this service and this bank does not offer it, like signing baskets and card accounts."
            ),
        ),
        _("See the API reference for the methods of each path."),
    ),
    CatalogueEntry(
        "CANCELLATION_INVALID",
        (405,),
        _("The payment can no longer be taken back"),
        (
            _(
                "The customer has approved it, or it has ended. A standing order can be ended as long as it runs."
            ),
            _(
                "It is for a later day, and the business day before that is over: until then it can be taken back,"
                " approved or not."
            ),
        ),
        _("Nothing can be done through the interface."),
    ),
    CatalogueEntry(
        "REQUESTED_FORMATS_INVALID",
        (406,),
        _("The answer is not available in this format"),
        (_("The Accept header does not allow application/json."),),
        _("Send Accept: application/json, or leave the header out."),
    ),
    CatalogueEntry(
        "STATUS_INVALID",
        (409,),
        _("The status does not allow this"),
        (_("The consent or payment does not wait for an authorisation any more."),),
        _("Ask for its status first."),
    ),
    CatalogueEntry(
        "ACCESS_EXCEEDED",
        (429,),
        _("Today's accesses without the customer are used up"),
        (
            _("Without PSU-IP-Address at most frequencyPerDay accesses, never more than four, in 24 hours."),
            _("Each kind of data and each account is counted apart. A one-off consent allows each once."),
        ),
        _("Send PSU-IP-Address when, and only when, the customer asks for the data; else wait."),
    ),
)

OAUTH_ERRORS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "invalid_client",
        (401,),
        _("The app could not prove who it is"),
        (
            _(
                "aud in the client assertion must be the issuer, as one string: not a list, not the token endpoint."
            ),
            _("kid names a key that is not registered or was retired, or the signature is another key's."),
            _("iss and sub must both be the client ID; jti must be new; exp at most one hour ahead."),
            _("The app is suspended, or its company blocked."),
        ),
        _("Copy the configuration from your app's page, and check the clock of your machine."),
    ),
    CatalogueEntry(
        "invalid_grant",
        (400,),
        _("The code or refresh token is not good any more"),
        (
            _("The code is older than 60 seconds, or was used before. Using it twice also ends its tokens."),
            _("redirect_uri or code_verifier is not that of the authorization request."),
            _("The consent behind the refresh token was stopped or has expired."),
        ),
        _("Start a new authorization request."),
    ),
    CatalogueEntry(
        "invalid_request",
        (400,),
        _("The request is malformed"),
        (
            _("A parameter is missing or repeated, or stands in the address instead of the body."),
            _("code_challenge is missing, or code_challenge_method is not S256."),
        ),
        _("Compare it with the program on your app's page First call."),
    ),
    CatalogueEntry(
        "invalid_scope",
        (400,),
        _("The scope is not available to this app"),
        (
            _("Client tokens: aisp, pisp or piisp, if the company has the role."),
            _("Customers' tokens: openid and one of AIS:<consentId> or PIS:<paymentId>."),
        ),
        _("Ask for exactly one of these."),
    ),
    CatalogueEntry(
        "insufficient_scope",
        (401,),
        _("The token is for something else"),
        (_("In the WWW-Authenticate header, beside TOKEN_INVALID or ROLE_INVALID."),),
        _("Ask for a token with the scope that the service needs."),
    ),
    CatalogueEntry(
        "invalid_token",
        (401,),
        _("The token opens nothing"),
        (_("In the WWW-Authenticate header, beside a TOKEN_ or CONSENT_ code that says why."),),
        _("See the code in tppMessages."),
    ),
    CatalogueEntry(
        "unauthorized_client",
        (400,),
        _("The app may not do this"),
        (_("Its company lacks the role, or is blocked."),),
        _("See your company's page."),
    ),
    CatalogueEntry(
        "unsupported_grant_type",
        (400,),
        _("There is no such grant here"),
        (_("authorization_code, refresh_token and client_credentials are."),),
        _("Use one of these."),
    ),
    CatalogueEntry(
        "unsupported_response_type",
        (303,),
        _("response_type is code"),
        (_("The implicit and hybrid flows are not offered."),),
        _("Send response_type=code with PKCE."),
    ),
    CatalogueEntry(
        "access_denied",
        (303,),
        _("The customer did not allow it"),
        (
            _("The customer cancelled, or could not prove who he is."),
            _("There is no such consent or payment of this app that waits for approval."),
        ),
        _("Tell the customer that nothing was shared or paid, and offer another way."),
    ),
    CatalogueEntry(
        "login_required",
        (303,),
        _("The customer is always asked"),
        (_("prompt=none asks for silence."),),
        _("Leave prompt out."),
    ),
    CatalogueEntry(
        "server_error",
        (303, 500),
        _("The request failed on our side"),
        (_("A fault of the bank's."),),
        _("Try again later. If it stays, tell us the X-Request-ID."),
    ),
    CatalogueEntry(
        "temporarily_unavailable",
        (303, 503),
        _("The bank cannot answer now"),
        (_("Maintenance, or too much to do."),),
        _("Wait as long as Retry-After says, then try again."),
    ),
)


def find_error(code: str) -> CatalogueEntry | None:
    """The entry of a code, to the letter; None if the bank has no such code."""
    return next((entry for entry in (*TPP_MESSAGES, *OAUTH_ERRORS) if entry.code == code), None)


def markdown_lines() -> Iterator[str]:
    """``docs/reference/errors.md``, in the language that is switched on."""
    yield "# Error codes"
    yield ""
    yield "Written by `manage.py write_error_reference` from `apps/web/error_catalogue.py`; the developer console shows"
    yield "the same at `/developers/errors/<code>/`."
    for heading, entries in (
        ("The XS2A interface (`tppMessages`)", TPP_MESSAGES),
        ("The authorization server (OAuth 2.0)", OAUTH_ERRORS),
    ):
        yield from ("", f"## {heading}")
        for entry in entries:
            yield from ("", f"### `{entry.code}` ({entry.status_text})", "", f"{entry.title}.", "")
            yield from (f"- {cause}" for cause in entry.causes)
            yield from ("", f"What to do: {entry.remedy}")
