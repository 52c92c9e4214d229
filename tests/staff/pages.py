"""The addresses of the staff's door, found by following its links as a browser would."""

import re
from collections import Counter, deque
from html import unescape
from urllib.parse import parse_qsl, urljoin, urlsplit

from django.test import Client

VALUES_PER_PARAMETER = 2
_LINK = re.compile(r'<a\b[^>]*\shref="([^"]+)"')


def crawl(client: Client, *, start: str = "/staff/", limit: int = 600) -> dict[str, str]:
    """Every page under ``/staff/`` that links lead to, with its text; a link that leads nowhere fails."""
    pages: dict[str, str] = {}
    waiting = deque([start])
    seen = {start}
    shapes: Counter[tuple[str, tuple[str, ...]]] = Counter()
    while waiting and len(pages) < limit:
        url = waiting.popleft()
        response = client.get(url)
        assert response.status_code == 200, f"{url} answers {response.status_code}"
        assert response["Content-Type"].startswith("text/html"), url
        pages[url] = response.content.decode()
        for target in _LINK.findall(pages[url]):
            absolute = urljoin(url, unescape(target))
            parts = urlsplit(absolute)
            if not parts.netloc and parts.path.startswith("/staff/") and absolute not in seen:
                shape = (parts.path, tuple(sorted(name for name, _value in parse_qsl(parts.query))))
                if len(shape[1]) > 1 or shapes[shape] >= VALUES_PER_PARAMETER:
                    continue  # Each filter alone, and a few of its values, show what it can show.
                shapes[shape] += bool(shape[1])
                seen.add(absolute)
                waiting.append(absolute)
    return pages
