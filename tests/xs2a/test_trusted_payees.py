"""The list of trusted payees is the customer's and his bank's: a company neither reads nor writes it (RTS art. 13)."""

import pytest

from apps.payments.trusted_payee_models import TrustedPayee, TrustedPayeeChange
from tests.xs2a.kit import NOT_THERE
from tests.xs2a.world import World


@pytest.mark.req("RTS-13")
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("name", ["trusted-beneficiaries", "trusted-payees"])
def test_no_address_of_the_interface_leads_to_it(world: World, method: str, name: str) -> None:
    api = world.enrol().api
    call = getattr(api.http, method)
    for path in (f"/v1/{name}", f"/v1/{name}/{NOT_THERE}", f"/v1/accounts/{NOT_THERE}/{name}"):
        assert call(path, HTTP_AUTHORIZATION=f"Bearer {api.token}").status_code in (404, 405), path
    assert not TrustedPayee.objects.exists()
    assert not TrustedPayeeChange.objects.exists()


@pytest.mark.req("RTS-13")
def test_the_customers_page_does_not_open_with_a_companys_token(world: World) -> None:
    api = world.enrol().api
    for call in (api.http.get, api.http.post):
        answer = call("/security/trusted-payees/", HTTP_AUTHORIZATION=f"Bearer {api.token}")
        assert answer.headers["Location"].startswith("/sign-in/")
    assert not TrustedPayeeChange.objects.exists()
