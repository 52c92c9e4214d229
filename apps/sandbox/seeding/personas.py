"""The people and companies of the sandbox. All invented; telephone numbers are kept free by the German regulator."""

from dataclasses import dataclass

from apps.accounts.rules import AccountStatus, CashAccountType, SigningRight
from apps.identity.rules import StaffRole


@dataclass(frozen=True, slots=True)
class Person:
    """Anybody who can sign in. Members of TPPs have no mobile number here but an authenticator app."""

    user_id: str
    first_name: str
    last_name: str
    mobile: str = ""
    language: str = "en"

    @property
    def password(self) -> str:
        return f"linden-{self.user_id}-2026"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Account:
    """An account and what is on it today. ``statement`` names the bookings (``statements.STATEMENTS``)."""

    number: str
    owners: tuple[str, ...]
    owner_name: str
    display_name: str
    product: str
    balance_minor: int
    statement: str
    kind: CashAccountType = CashAccountType.CACC
    overdraft_minor: int = 0
    status: AccountStatus = AccountStatus.ENABLED
    signs: SigningRight = SigningRight.ALONE


@dataclass(frozen=True, slots=True)
class Company:
    """A TPP with one app. ``callbacks`` are its redirect URIs; ``{tpp_url}`` is the demo TPP's address."""

    name: str
    legal_name: str
    authorisation_number: str
    authority_name: str
    country: str
    roles: tuple[str, ...]
    client_id: str
    callbacks: tuple[str, ...]
    email: str
    members: tuple[str, ...] = ()


CUSTOMERS = (
    Person("anna", "Anna", "Schneider", "+491713920001"),
    Person("bruno", "Bruno", "Becker", "+491713920002"),
    Person("carla", "Carla", "Wagner", "+491713920003"),
    Person("david", "David", "Hoffmann", "+491713920004"),
    Person("dora", "Dora", "Hoffmann", "+491713920005", "de"),
    Person("emil", "Emil", "Krüger", "+491713920006", "de"),
)
STAFF = (
    Person("rita", "Rita", "Vogel", "+491713920011"),
    Person("sami", "Sami", "Öztürk", "+491713920012"),
)
STAFF_ROLES = tuple(StaffRole)
MEMBERS = (
    Person("fiona", "Fiona", "Lang"),
    Person("paul", "Paul", "Stein"),
)

ACCOUNTS = (
    Account("1000000001", ("anna",), "Anna Schneider", "Current account", "Linden Giro", 421837, "anna"),
    Account(
        "1000000002",
        ("anna",),
        "Anna Schneider",
        "Savings",
        "Linden Sparkonto",
        650000,
        "savings",
        kind=CashAccountType.SVGS,
    ),
    Account("1000000003", ("bruno",), "Bruno Becker", "Current account", "Linden Giro", 312, "bruno"),
    Account("1000000004", ("carla",), "Carla Wagner", "Current account", "Linden Giro", 112840, "carla"),
    Account(
        "1000000005",
        ("carla",),
        "Carla Wagner",
        "Household account",
        "Linden Giro",
        120411,
        "household",
        status=AccountStatus.BLOCKED,
    ),
    Account(
        "1000000006",
        ("david", "dora"),
        "David und Dora Hoffmann",
        "Gemeinschaftskonto",
        "Linden Giro",
        296055,
        "joint",
        overdraft_minor=50000,
    ),
    Account(
        "1000000007",
        ("emil",),
        "Krüger Werkzeugbau e.K.",
        "Geschäftskonto",
        "Linden Geschäftskonto",
        4891255,
        "business",
        overdraft_minor=1000000,
    ),
    Account(
        "1000000008",
        ("david", "dora"),
        "David und Dora Hoffmann",
        "Baukonto",
        "Linden Giro",
        1284500,
        "building",
        signs=SigningRight.JOINTLY,
    ),
    Account(
        "1000000009",
        ("emil", "david"),
        "Hoffmann Krüger Metallbau GmbH",
        "Firmenkonto",
        "Linden Geschäftskonto",
        2360410,
        "company",
        signs=SigningRight.JOINTLY,
    ),
)

_ANYBODYS_MACHINE = ("http://localhost:3000/callback", "http://127.0.0.1:8101/callback")
_BAFIN = "Bundesanstalt für Finanzdienstleistungsaufsicht"
COMPANIES = (
    Company(
        "Finanzblick",
        "Finanzblick GmbH",
        "PSDDE-BAFIN-125601",
        _BAFIN,
        "DE",
        ("AISP",),
        "finanzblick-demo",
        _ANYBODYS_MACHINE,
        "technik@finanzblick.example",
        members=("fiona",),
    ),
    Company(
        "ShopPay",
        "ShopPay Europe GmbH",
        "PSDDE-BAFIN-140823",
        _BAFIN,
        "DE",
        ("AISP", "PISP"),
        "shoppay-demo",
        ("{tpp_url}/callback", "{tpp_url}/payments/return", "{tpp_url}/payments/cancelled"),
        "dev@shoppay.example",
        members=("paul",),
    ),
    Company(
        "Kartenfix",
        "Kartenfix AG",
        "PSDDE-BAFIN-131777",
        _BAFIN,
        "DE",
        ("PIISP",),
        "kartenfix-demo",
        _ANYBODYS_MACHINE,
        "api@kartenfix.example",
    ),
    Company(
        "Nadir",
        "Nadir Payments UAB",
        "PSDLT-BL-LB002042",
        "Lietuvos bankas",
        "LT",
        (),
        "nadir-demo",
        _ANYBODYS_MACHINE,
        "hello@nadir.example",
    ),
)
