import pytest
from django.core.cache import cache
from django.test import RequestFactory, override_settings

from apps.web import throttles
from apps.web.client_ip import client_ip
from apps.web.throttles import count_call


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "expected"),
    [
        ([], "203.0.113.9", "", "203.0.113.9"),
        (
            [],
            "203.0.113.9",
            "198.51.100.1",
            "203.0.113.9",
        ),  # Nobody is trusted: the header is the caller's invention.
        (["10.0.0.0/8"], "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (["10.0.0.0/8"], "10.0.0.2", "198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.2", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.2", "6.6.6.6, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.2", "nonsense", "10.0.0.2"),
        (["10.0.0.0/8"], "::ffff:10.0.0.2", "2001:db8::1", "2001:db8::1"),
        ([], "", "198.51.100.1", ""),
    ],
)
def test_only_our_own_proxies_are_believed(
    proxies: list[str], remote: str, forwarded: str, expected: str
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers)
    with override_settings(TRUSTED_PROXIES=proxies):
        assert client_ip(request) == expected


class TestThrottle:
    @pytest.fixture(autouse=True)
    def _fresh(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cache.clear()
        monkeypatch.setattr(throttles.time, "time", lambda: 1_000_000.0)

    def test_refuses_the_call_after_the_limit(self) -> None:
        answers = [count_call(scope="s", key="k", limit=2, window_seconds=60).is_allowed for _ in range(3)]
        assert answers == [True, True, False]

    def test_keys_and_scopes_do_not_share(self) -> None:
        count_call(scope="s", key="k", limit=1, window_seconds=60)
        assert count_call(scope="s", key="other", limit=1, window_seconds=60).is_allowed
        assert count_call(scope="t", key="k", limit=1, window_seconds=60).is_allowed

    def test_the_next_window_starts_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        count_call(scope="s", key="k", limit=1, window_seconds=60)
        monkeypatch.setattr(throttles.time, "time", lambda: 1_000_060.0)
        assert count_call(scope="s", key="k", limit=1, window_seconds=60).is_allowed

    def test_says_when_to_come_back(self) -> None:
        assert count_call(scope="s", key="k", limit=1, window_seconds=60).retry_after_seconds == 20

    def test_takes_any_key(self) -> None:
        assert count_call(scope="s", key="ä\x00 " * 500, limit=1, window_seconds=60).is_allowed
