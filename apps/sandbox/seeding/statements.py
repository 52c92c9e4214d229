"""Three months of everyday bookings for the sandbox's accounts, counted back from today and always the same.

Amounts follow fixed lists, not chance, so that two seeds of one day are equal to the cent.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

DAYS = 92

# Invented accounts at invented bank codes; the names are what German statements are full of.
_OTHER_BANKS = ("20099910", "37099920", "50099930", "70099940")


@dataclass(frozen=True, slots=True)
class Movement:
    """One booking as its account sees it. ``other_account`` is an account number of this bank, if it is inside."""

    day: date
    amount_minor: int  # Above zero: money in. Only here, where plans are added up; the ledger knows no signs.
    name: str
    text: str
    other_account: str = ""


@dataclass(frozen=True, slots=True)
class Partner:
    """Somebody at another bank."""

    name: str
    bank_code: str
    account_number: str


Plan = Callable[[date], Iterator[Movement]]


def plan_statement(name: str, *, today: date) -> list[Movement]:
    """The bookings of one account, oldest first; money in before money out on a day."""
    movements = [replace(m, day=_booking_day(m, today=today)) for m in STATEMENTS[name](today)]
    return sorted(movements, key=lambda movement: (movement.day, -movement.amount_minor))


def partner(name: str) -> Partner:
    """The other side's account number, always the same for a name."""
    number = sum(ord(character) * (index + 7) for index, character in enumerate(name)) * 9973
    return Partner(name, _OTHER_BANKS[number % len(_OTHER_BANKS)], f"{number % 10**10:010d}")


def _span(today: date) -> list[date]:
    return [today - timedelta(days=back) for back in range(DAYS, 0, -1)]


def _booking_day(movement: Movement, *, today: date) -> date:
    """Banks book from Monday to Friday: what falls on a weekend goes out on Monday, and comes in on Friday."""
    monday = movement.day + timedelta(days=7 - movement.day.weekday())
    is_weekend = movement.day.weekday() > 4
    day = monday if is_weekend and movement.amount_minor < 0 else movement.day
    return _last_banking_day(min(day, today - timedelta(days=1)))


def _last_banking_day(day: date) -> date:
    return day - timedelta(days=max(0, day.weekday() - 4))


def _monthly(today: date, on: int, amount: int, name: str, text: str, other: str = "") -> Iterator[Movement]:
    for day in _span(today):
        if day.day == on:
            yield Movement(day, amount, name, text.format(month=f"{day:%m/%Y}"), other)


def _card(today: date, every: int, first: int, name: str, amounts: tuple[int, ...]) -> Iterator[Movement]:
    for number, day in enumerate(_span(today)[first::every]):
        yield Movement(day, -amounts[number % len(amounts)], name, f"Kartenzahlung {day:%d.%m.} {name}")


def _once(today: date, back: int, amount: int, name: str, text: str, other: str = "") -> Iterator[Movement]:
    yield Movement(today - timedelta(days=back), amount, name, text, other)


def _anna(today: date) -> Iterator[Movement]:
    yield from _monthly(today, 28, 248650, "Kestrel Software GmbH", "Gehalt {month}")
    yield from _monthly(today, 1, -108500, "Hausverwaltung Brandt", "Miete {month} Wohnung 14")
    yield from _monthly(today, 1, -5800, "Deutsche Bahn AG", "Deutschlandticket {month}")
    yield from _monthly(today, 3, -20000, "Anna Schneider", "Sparen", "1000000002")
    yield from _monthly(today, 5, -9400, "Stadtwerke Köln", "Abschlag Strom und Gas {month}")
    yield from _monthly(today, 12, -3995, "Telekom Deutschland GmbH", "Rechnung {month}")
    yield from _monthly(today, 15, -4127, "HUK-COBURG", "Haftpflicht und Hausrat {month}")
    yield from _monthly(today, 20, -1099, "Spotify AB", "Spotify Premium {month}")
    yield from _card(today, 4, 1, "REWE Markt GmbH", (4218, 2765, 6340, 1892, 5107, 3456, 2230))
    yield from _card(today, 9, 3, "dm-drogerie markt", (1845, 2310, 940, 3125))
    yield from _card(today, 7, 5, "Bäckerei Schmitz", (680, 425, 1150, 790))
    yield from _card(today, 17, 8, "Deutsche Bahn AG", (3990, 2590, 8780))
    yield from _card(today, 13, 11, "Restaurant Il Forno", (3450, 2780, 5260))
    yield from _once(today, 40, 4995, "Zalando SE", "Gutschrift Retoure 7781203")
    yield from _once(today, 41, -12990, "Zalando SE", "Bestellung 7781203")
    yield from _once(today, 6, 1850, "Bruno Becker", "Pizza Freitag", "1000000003")


def _savings(today: date) -> Iterator[Movement]:
    """Only what Anna puts aside, which her current account books."""
    return iter(())


def _bruno(today: date) -> Iterator[Movement]:
    for back, text in ((86, "Lohn Aushilfe 1"), (56, "Lohn Aushilfe 2"), (26, "Lohn Aushilfe 3")):
        yield from _once(today, back, 51200, "Fahrradwerkstatt Pedal", text)
        yield from _once(today, back - 1, -31000, "Studierendenwerk Köln", "Miete Zimmer 307")
        yield from _once(today, back - 4, -999, "congstar GmbH", "Prepaid Aufladung")
        for number, amount in enumerate((2287, 1764, 3120, 2649, 1988, 2410)):
            yield from _once(
                today, back - 6 - 3 * number, -amount, "REWE Markt GmbH", "Kartenzahlung REWE Markt GmbH"
            )
        yield from _once(today, back - 22, -4900, "Deutsche Bahn AG", "Semesterticket Ergänzung")


def _carla(today: date) -> Iterator[Movement]:
    yield from _monthly(today, 27, 93480, "Universitätsklinikum Köln", "Bezüge {month}")
    yield from _monthly(today, 1, -58000, "Wohnungsgenossenschaft Süd", "Nutzungsgebühr {month}")
    yield from _monthly(today, 4, -7200, "Stadtwerke Köln", "Abschlag Strom {month}")
    yield from _monthly(today, 8, -4990, "1&1 Telecom GmbH", "DSL {month}")
    yield from _card(today, 3, 2, "EDEKA Müller", (2145, 3390, 1875, 4120, 2655))
    yield from _card(today, 11, 4, "Apotheke am Ring", (1290, 845, 2360))


def _household(today: date) -> Iterator[Movement]:
    yield from _once(today, 70, 30000, "Carla Wagner", "Haushalt", "1000000004")
    yield from _once(today, 52, -18950, "IKEA Deutschland", "Kartenzahlung IKEA Köln")
    yield from _once(today, 33, -6215, "OBI Markt", "Kartenzahlung OBI Köln-Ossendorf")


def _joint(today: date) -> Iterator[Movement]:
    yield from _monthly(today, 28, 168000, "Rheinwerk Verlag", "Gehalt D. Hoffmann {month}")
    yield from _monthly(today, 26, 121540, "Stadt Köln Kasse", "Bezüge Dora Hoffmann {month}")
    yield from _monthly(today, 1, -142000, "Immobilien Lehmann GbR", "Miete {month}")
    yield from _monthly(today, 2, -38500, "Kita Sonnenschein e.V.", "Beitrag {month}")
    yield from _monthly(today, 6, -15600, "RheinEnergie AG", "Abschlag {month}")
    yield from _monthly(today, 10, 25500, "Familienkasse NRW West", "Kindergeld {month}")
    yield from _monthly(today, 22, -25000, "DekaBank", "Sparplan {month}")
    yield from _monthly(today, 16, -8940, "Allianz Versicherungs-AG", "Kfz {month}")
    yield from _card(today, 3, 1, "REWE Markt GmbH", (6745, 3920, 8215, 4480, 5930))
    yield from _card(today, 8, 2, "ALDI SÜD", (3345, 2870, 4160))
    yield from _card(today, 14, 6, "Shell Station Köln", (6820, 7145))


def _business(today: date) -> Iterator[Movement]:
    for back, amount, customer, number in (
        (88, 684250, "Maschinenbau Weiss GmbH", "1182"),
        (71, 1249900, "Autohaus Berger KG", "1187"),
        (59, 312480, "Maschinenbau Weiss GmbH", "1191"),
        (44, 1894000, "Rheinstahl Service AG", "1195"),
        (30, 458675, "Autohaus Berger KG", "1199"),
        (16, 967300, "Rheinstahl Service AG", "1204"),
        (5, 528990, "Maschinenbau Weiss GmbH", "1207"),
    ):
        yield from _once(today, back, amount, customer, f"Rechnung {number}")
    yield from _monthly(today, 25, -684200, "Lohnkonto Krüger Werkzeugbau", "Löhne {month}")
    yield from _monthly(today, 1, -215000, "Gewerbepark Ossendorf GmbH", "Miete Halle 3 {month}")
    yield from _monthly(today, 10, -312600, "Finanzamt Köln-Nord", "USt {month}")
    yield from _monthly(today, 14, -184750, "AOK Rheinland", "Beiträge {month}")
    yield from _card(today, 10, 3, "Stahlhandel Ruhr GmbH", (124500, 87650, 203400))
    yield from _card(today, 12, 7, "Würth Industrie", (18990, 24560))


def _building(today: date) -> Iterator[Movement]:
    yield from _once(today, 66, 900000, "Bausparkasse Rhein", "Auszahlung Rate 1")
    yield from _once(today, 61, -214000, "Zimmerei Holtkamp", "Abschlag Dachstuhl")
    yield from _once(today, 24, -87350, "Elektro Neumann", "Rechnung 0417")


def _company(today: date) -> Iterator[Movement]:
    yield from _once(today, 58, 731500, "Maschinenbau Weiss GmbH", "Rechnung M-031")
    yield from _once(today, 37, -268900, "Stahlhandel Ruhr GmbH", "Rechnung 77120")
    yield from _once(today, 19, 405260, "Autohaus Berger KG", "Rechnung M-034")
    yield from _monthly(today, 25, -196400, "Lohnkonto Hoffmann Krüger", "Löhne {month}")


STATEMENTS: dict[str, Plan] = {
    "anna": _anna,
    "savings": _savings,
    "bruno": _bruno,
    "carla": _carla,
    "household": _household,
    "joint": _joint,
    "business": _business,
    "building": _building,
    "company": _company,
}
