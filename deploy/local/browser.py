"""A browser without a window, for scripts: keeps cookies, reads forms, follows redirects one at a time."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

_REDIRECTS = (301, 302, 303, 307, 308)
_HIDDEN = ("script", "style", "svg", "template", "head")
_LISTS = ("ul", "li", "dl", "dt", "tr")
_BLOCKS = (
    *_LISTS,
    "p",
    "div",
    "section",
    "header",
    "main",
    "form",
    "legend",
    "label",
    "button",
    "br",
    "h1",
    "h2",
    "h3",
)


@dataclass
class Form:
    """A form as the page shows it: where it goes, what is filled in already, which buttons it has."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, what is written on it
    types: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A link: where to, and what is written on it."""

    href: str
    text: str


class _Reader(HTMLParser):
    """Takes a page apart into forms, links and the text that a person sees."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.forms: list[Form] = []
        self.links: list[Link] = []
        self.pieces: list[str] = []
        self.main: list[str] = []  # The pieces inside <main>: what the page is about.
        self._in_main = False
        self._form: Form | None = None
        self._select = ""
        self._hidden = 0
        self._open: list[tuple[str, dict[str, str], list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _HIDDEN:
            self._hidden += 1
        if tag == "main":
            self._in_main = True
        if tag in _BLOCKS:
            self._write("\n")
        if tag == "form":
            self._form = Form(
                action=urljoin(self._url, given.get("action") or self._url),
                method=given.get("method", "get").lower(),
            )
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None:
            self._take_input(self._form, given)
        elif tag == "select" and self._form is not None:
            self._select = given.get("name", "")
            self._form.types[self._select] = "select"
        elif tag == "option" and self._form is not None and self._select:
            # As a browser does: the first option, unless another is marked.
            if "selected" in given or self._select not in self._form.fields:
                self._form.fields[self._select] = [given.get("value", "")]
        elif tag in ("a", "button", "textarea"):
            self._open.append((tag, given, []))

    def _take_input(self, form: Form, given: dict[str, str]) -> None:
        kind, name = given.get("type", "text").lower(), given.get("name", "")
        if kind in ("submit", "image"):
            form.buttons.append((name, given.get("value", ""), given.get("value", "")))
            return
        if not name:
            return
        form.types[name] = kind
        if kind not in ("checkbox", "radio") or "checked" in given:
            form.fields.setdefault(name, []).append(given.get("value", "on" if kind == "checkbox" else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1
        if tag == "main":
            self._in_main = False
        if tag in ("dt", "td", "th"):
            self._write(": " if tag == "dt" else " ")
        if tag == "form":
            self._form = None
        if self._open and self._open[-1][0] == tag:
            kind, given, pieces = self._open.pop()
            text = " ".join("".join(pieces).split())
            if kind == "a" and "href" in given:
                self.links.append(Link(urljoin(self._url, given["href"]), text))
            elif kind == "button" and self._form is not None and given.get("type", "submit") == "submit":
                self._form.buttons.append((given.get("name", ""), given.get("value", ""), text))
            elif kind == "textarea" and self._form is not None:
                self._form.types[given.get("name", "")] = kind
                self._form.fields[given.get("name", "")] = ["".join(pieces).removeprefix("\n")]

    def handle_data(self, data: str) -> None:
        for _, _, pieces in self._open:
            pieces.append(data)
        if not self._hidden:
            self._write(data)

    def _write(self, piece: str) -> None:
        self.pieces.append(piece)
        if self._in_main:
            self.main.append(piece)


@dataclass(frozen=True)
class Page:
    """An answer, as a person and as a script see it."""

    response: httpx.Response
    forms: list[Form]
    links: list[Link]
    text: str
    main: str  # The text of <main>: without menus and footers.

    @property
    def url(self) -> str:
        """Where it was found."""
        return str(self.response.url)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def title(self) -> str:
        """The page's main heading, or the first line of it."""
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.response.text, re.DOTALL)
        return (
            " ".join(re.sub(r"<[^>]+>", " ", found.group(1)).split()) if found else self.text.split("\n")[0]
        )

    def form_with(self, *names: str) -> Form | None:
        """The first form that has all these fields."""
        return next((form for form in self.forms if all(name in form.types for name in names)), None)


class Browser:
    """One visitor: cookies, and the last page."""

    def __init__(
        self, *, on_request: Callable[[httpx.Response], None] | None = None, language: str = "en"
    ) -> None:
        self._client = httpx.Client(
            trust_env=False,
            timeout=20,
            headers={"Accept": "text/html,application/xhtml+xml", "Accept-Language": language},
        )
        self._on_request = on_request
        self.page: Page | None = None

    def cookies(self) -> dict[str, str]:
        """What the visited sites have left here."""
        return {cookie.name: cookie.value or "" for cookie in self._client.cookies.jar}

    def close(self) -> None:
        """Forget everything."""
        self._client.close()

    def open(self, url: str, *, follow: bool = True) -> Page:
        """Type an address, or follow a link."""
        return self._arrive(self._client.get(url, headers=self._came_from(url)), follow=follow)

    def cookie(self, name: str) -> str:
        """The value of a cookie; empty when there is none."""
        return self._client.cookies.get(name) or ""

    def submit(
        self,
        form: Form,
        filled: Mapping[str, str],
        *,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        button: str = "",
        follow: bool = True,
    ) -> Page:
        """Fill in a form, choose ``files`` (name and content by field) and press a button: the one named, or the first.

        :raises LookupError: the form has no field of that name, or no such button.
        """
        unknown = [name for name in filled if name not in form.types]
        if unknown:
            raise LookupError(f"the form {form.action} has no field {', '.join(unknown)}")
        values: dict[str, list[str]] = form.fields | {name: [value] for name, value in filled.items()}
        pressed = next((b for b in form.buttons if not button or button.lower() in b[2].lower()), None)
        if pressed is None:
            raise LookupError(f"the form {form.action} has no button {button!r}")
        if pressed[0]:
            values = values | {pressed[0]: [pressed[1]]}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.page.url if self.page else form.action))
        headers = self._came_from(form.action) | {"Origin": origin}
        if form.method == "get":
            return self._arrive(self._client.get(form.action, params=values, headers=headers), follow=follow)
        if files:
            values = {name: value for name, value in values.items() if name not in files}
        answer = self._client.post(form.action, data=values, files=files, headers=headers)
        return self._arrive(answer, follow=follow)

    def _came_from(self, url: str) -> dict[str, str]:
        """As the bank's Referrer-Policy (same-origin) has it."""
        if self.page and urlsplit(self.page.url).netloc == urlsplit(url).netloc:
            return {"Referer": self.page.url}
        return {}

    def _arrive(self, response: httpx.Response, *, follow: bool) -> Page:
        for _ in range(10):
            if self._on_request:
                self._on_request(response)
            if not follow or response.status_code not in _REDIRECTS:
                break
            response = self._client.get(urljoin(str(response.url), response.headers["Location"]))
        self.page = _read(response)
        return self.page


def _read(response: httpx.Response) -> Page:
    reader = _Reader(str(response.url))
    if "html" in response.headers.get("Content-Type", ""):
        reader.feed(response.text)
    return Page(response, reader.forms, reader.links, _lines(reader.pieces), _lines(reader.main))


def _lines(pieces: list[str]) -> str:
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line.strip(": "))
