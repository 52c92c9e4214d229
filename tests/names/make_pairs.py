"""Writes ``pairs.csv``: labelled pairs of names. ``python -m tests.names.make_pairs`` makes it anew, always the same.

A label says what the pair *is* (the same name turned round, a typing error, a brother), by the rule that made it. The
matcher is not asked, and none of its lists is used here: many of these names are unknown to it.
"""

import csv
import random
from collections.abc import Callable, Iterator
from pathlib import Path

PAIRS = Path(__file__).with_name("pairs.csv")
MATCH, CLOSE, NO_MATCH = "MTCH", "CMTC", "NMTC"
Pair = tuple[str, str]  # What the payer gave; the holders, "|" between them.

# ruff: noqa: E501
FIRST = [
    "Anna",
    "Lukas",
    "Emilia",
    "Jonas",
    "Mia",
    "Leon",
    "Sophie",
    "Felix",
    "Lina",
    "Paul",
    "Clara",
    "Maximilian",
    "Johanna",
    "Moritz",
    "Charlotte",
    "Jakob",
    "Frieda",
    "Anton",
    "Mathilda",
    "Theo",
    "Greta",
    "Oskar",
    "Ida",
    "Emil",
    "Marlene",
    "Henri",
    "Luisa",
    "Karl",
    "Magdalena",
    "Konstantin",
    "Franziska",
    "Valentin",
    "Antonia",
    "Ferdinand",
    "Josephine",
    "Leopold",
    "Helena",
    "Vincent",
    "Victoria",
    "Benedikt",
    "Elisabeth",
    "Korbinian",
    "Theresa",
    "Quirin",
    "Annika",
    "Hendrik",
    "Wiebke",
    "Thilo",
    "Silke",
    "Torsten",
    "Kerstin",
    "Jürgen",
    "Ute",
    "Günter",
    "Heike",
    "Wolfgang",
    "Brigitte",
    "Rainer",
    "Renate",
    "Dieter",
    "Monika",
    "Uwe",
    "Petra",
    "Manfred",
    "Gisela",
    "Horst",
    "Ursula",
    "Bernd",
    "Karin",
    "Hartmut",
    "Sigrid",
    "Tjorven",
    "Fenja",
    "Keanu",
    "Ylvi",
    "Aurel",
    "Ottokar",
    "Leander",
    "Ottilia",
    "Dietlinde",
    "Raimar",
    "Hannelore",
    "Gundula",
    "Ekkehart",
    "Sieglinde",
    "Volkhard",
    "Mechthild",
    "Götz",
    "Jörn",
    "Björn",
    "Sören",
    "Käthe",
    "Bärbel",
    "Ömer",
    "Gülay",
    "Özlem",
    "Şebnem",
    "Çağlar",
    "Murat",
    "Aylin",
    "Emre",
    "Zeynep",
    "Kaan",
]
LAST = [
    "Schneider",
    "Weber",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Bauer",
    "Richter",
    "Klein",
    "Wolf",
    "Neumann",
    "Schwarz",
    "Zimmermann",
    "Krüger",
    "Hartmann",
    "Lange",
    "Werner",
    "Krause",
    "Lehmann",
    "Köhler",
    "Herrmann",
    "König",
    "Walter",
    "Mayer",
    "Huber",
    "Kaiser",
    "Fuchs",
    "Scholz",
    "Weiß",
    "Jung",
    "Vogel",
    "Friedrich",
    "Keller",
    "Günther",
    "Berger",
    "Winkler",
    "Lorenz",
    "Schuster",
    "Böhm",
    "Franke",
    "Albrecht",
    "Schubert",
    "Winter",
    "Ludwig",
    "Kraus",
    "Schumacher",
    "Krämer",
    "Voigt",
    "Stein",
    "Jäger",
    "Sommer",
    "Groß",
    "Seidel",
    "Brandt",
    "Haas",
    "Schreiber",
    "Graf",
    "Dietrich",
    "Ziegler",
    "Kuhn",
    "Kühn",
    "Pohl",
    "Engel",
    "Horn",
    "Busch",
    "Bergmann",
    "Thomas",
    "Voß",
    "Sauer",
    "Arnold",
    "Pfeiffer",
    "Beckenbauer",
    "Grundmann",
    "Wiedenhöfer",
    "Achternbusch",
    "Nüßlein",
    "Strohschneider",
    "Lüdtke",
    "Rößler",
    "Großkopf",
    "Fäßler",
    "Übelacker",
    "Öztürk",
    "Yıldırım",
    "Demirtaş",
    "Kowalski",
    "Nowak",
    "Lewandowski",
    "Wiśniewski",
    "Zieliński",
    "Szymański",
    "Dąbrowski",
    "Kozłowski",
    "Jabłoński",
    "Mazurkiewicz",
    "Sørensen",
    "Jørgensen",
    "Håkansson",
    "Ångström",
    "Øverland",
    "Bjørnstad",
    "Lindström",
    "Sjögren",
    "Dubois",
    "Lefèvre",
    "Desprès",
    "Girard",
    "Mercier",
    "Chevalier",
    "Beaumarchais",
    "Rossi",
    "Bianchi",
    "Esposito",
    "Ferrari",
    "Colombo",
    "García",
    "Fernández",
    "Rodríguez",
    "Martínez",
    "Papadakis",
    "Novák",
    "Dvořák",
    "Horváth",
    "Szabó",
    "Popescu",
    "Ionescu",
]
DOUBLE_FIRST = [
    "Hans-Peter",
    "Karl-Heinz",
    "Anna-Lena",
    "Eva-Maria",
    "Klaus-Dieter",
    "Ann-Kathrin",
    "Jean-Pierre",
    "Marie-Luise",
    "Franz-Josef",
    "Hans-Jürgen",
    "Ernst-August",
    "Marie-Claire",
    "Karl-Otto",
    "Rose-Marie",
    "Jan-Philipp",
    "Lisa-Marie",
    "Heinz-Günter",
    "Wolf-Dietrich",
    "Paul-Louis",
    "Leo-Finn",
]
MIDDLE = [
    "Maria",
    "Josef",
    "Elisabeth",
    "Alexander",
    "Sophie",
    "Johann",
    "Louise",
    "Friedrich",
    "Theodora",
    "Magnus",
]
TITLES = [
    "Dr.",
    "Prof. Dr.",
    "Dipl.-Ing.",
    "Dr. med.",
    "Dr. rer. nat.",
    "Mag.",
    "Prof.",
    "RA",
    "Dr. phil. habil.",
]
SALUTATIONS = ["Herr", "Frau", "Herrn", "Mr", "Mrs.", "Mme", "Familie Herr", "Hr.", "Fr.", "Sig.", "Sr."]
PARTICLES = ["von", "van", "de", "von der", "van den", "zu", "di", "del", "af", "von und zu"]
# Short and familiar names of the same person.
FAMILIAR = [
    "Johannes/Hannes",
    "Alexander/Alex",
    "Maximilian/Max",
    "Thomas/Tom",
    "Tobias/Tobi",
    "Stefanie/Steffi",
    "Matthias/Matze",
    "Christoph/Chris",
    "Katharina/Kathi",
    "Ulrich/Uli",
    "Friedrich/Fritz",
    "Josef/Sepp",
    "Wilhelm/Willi",
    "Robert/Bob",
    "Richard/Dick",
    "Michael/Michi",
    "Elisabeth/Lisa",
    "Margarete/Grete",
    "Andreas/Andi",
    "Benjamin/Ben",
    "Daniel/Dani",
    "Sebastian/Basti",
    "Gabriele/Gabi",
    "Susanne/Susi",
    "Heinrich/Heinz",
    "Nikolaus/Klaus",
    "Rudolf/Rudi",
    "Theodor/Theo",
    "Ursula/Uschi",
    "Johanna/Hanna",
    "Magdalena/Lena",
    "William/Bill",
    "Edward/Ted",
    "Aleksandra/Ola",
    "Guillermo/Memo",
    "Franziska/Franzi",
    "Konrad/Conny",
    "Ludwig/Lutz",
    "Eduard/Edi",
    "Manfred/Manni",
    "Valentin/Valle",
    "Leonhard/Leo",
    "Antonia/Toni",
    "Theresa/Resi",
    "Viktoria/Vicky",
    "Wolfgang/Wolfi",
    "Constantin/Costa",
    "Dorothea/Dora",
    "Sergej/Serjoscha",
    "Giuseppe/Beppe",
    "Philipp/Pip",
    "Barbara/Babs",
    "Brigitte/Gitti",
    "Hildegard/Hilde",
]
# Other spellings of one given name.
RESPELT = [
    "Stefan/Stephan",
    "Philipp/Philip",
    "Christoph/Christof",
    "Matthias/Mathias",
    "Torsten/Thorsten",
    "Sarah/Sara",
    "Katharina/Catharina",
    "Marc/Mark",
    "Sophie/Sofie",
    "Günter/Günther",
    "Walter/Walther",
    "Ralf/Ralph",
    "Erik/Eric",
    "Luisa/Louisa",
    "Carl/Karl",
    "Mohamed/Mohammed",
    "Viktor/Victor",
    "Hanna/Hannah",
    "Kristina/Christina",
    "Oskar/Oscar",
    "Rudolf/Rudolph",
    "Jakob/Jacob",
    "Detlef/Detlev",
    "Hannelore/Hanelore",
    "Dominik/Dominic",
    "Kaya/Kaja",
    "Yannick/Jannik",
    "Zoe/Zoey",
    "Tobias/Tobiaz",
    "Lucas/Lukas",
]
# One surname in another spelling: who writes it so means the same person, and should look twice.
RESPELT_LAST = [
    "Meier/Meyer",
    "Maier/Mayer",
    "Schmidt/Schmitt",
    "Hoffmann/Hofmann",
    "Schulz/Schultz",
    "Neumann/Naumann",
    "Pfeiffer/Pfeifer",
    "Fischer/Fisher",
    "Krieger/Kriger",
    "Schröder/Schroeter",
    "Kaufmann/Kauffmann",
    "Ritter/Riter",
    "Petersen/Pettersen",
    "Jansen/Janssen",
    "Hansen/Hanssen",
    "Kramer/Krammer",
    "Schäfer/Schäffer",
    "Walter/Walther",
    "Lindemann/Lindeman",
    "Heinrich/Heinrichs",
    "Schuhmacher/Schumacher",
    "Theissen/Theisen",
    "Bäcker/Becker",
    "Zimmermann/Zimmerman",
]
# Given names a letter or two apart that are two people.
SIBLINGS = [
    "Anna/Hanna",
    "Jan/Jana",
    "Tim/Tom",
    "Lena/Lea",
    "Michael/Michaela",
    "Martin/Martina",
    "Christian/Christiane",
    "Julia/Julian",
    "Andrea/Andreas",
    "Simon/Simone",
    "Daniel/Daniela",
    "Paul/Paula",
    "Lina/Lisa",
    "Marie/Maria",
    "Mara/Maja",
    "Nele/Nelli",
    "Emil/Emilia",
    "Karl/Karla",
    "Luis/Luisa",
    "Mario/Marion",
    "Robert/Roberta",
    "Gabriel/Gabriela",
    "Oliver/Olivia",
    "Kai/Kaja",
    "Finn/Linn",
    "Jonas/Jonah",
    "Lara/Laura",
    "Petra/Peter",
    "Alexander/Alexandra",
    "Stefan/Stefanie",
    "Patrick/Patricia",
    "Nicole/Nicolas",
    "Denis/Denise",
    "Ali/Alia",
    "Tara/Tamara",
    "Carlo/Carla",
    "Franz/Franziska",
    "Bernd/Gernd",
    "Ina/Ida",
    "Mila/Lila",
    "Lilli/Milli",
]
# Surnames a letter or two apart that are two families.
OTHER_LAST = [
    "Müller/Möller",
    "Becker/Decker",
    "Koch/Koth",
    "Berg/Burg",
    "Braun/Brauer",
    "Lang/Jang",
    "Roth/Rath",
    "Kern/Kerner",
    "Hahn/Hehn",
    "Kurz/Kunz",
    "Beck/Bock",
    "Sauer/Bauer",
    "Winter/Wintzer",
    "Fuchs/Fuchser",
    "Peters/Petersen",
    "Wolf/Wulf",
    "Keller/Kellermann",
    "Vogel/Vogt",
    "Stein/Steiner",
    "Schwarz/Schwarzer",
    "Engel/Engler",
    "Haas/Haase",
    "Busch/Busche",
    "Horn/Hohn",
    "Arnold/Arndt",
    "Kraus/Krauser",
    "Lorenz/Loren",
    "Sommer/Sommerfeld",
    "Huber/Hubertus",
    "Krämer/Kremer",
]
# Cyrillic and Greek names with spellings in use for their bearers.
OTHER_SCRIPTS = {
    "Иван Петров": ["Ivan Petrov", "Iwan Petrow"],
    "Сергей Иванов": ["Sergey Ivanov", "Sergej Iwanow", "Sergei Ivanov"],
    "Юлия Щербакова": ["Yuliya Shcherbakova", "Julija Schtscherbakowa", "Iuliia Shcherbakova"],
    "Алексей Чехов": ["Aleksey Chekhov", "Alexei Tschechow", "Aleksei Chekhov"],
    "Наталья Жукова": ["Natalya Zhukova", "Natalja Schukowa", "Natalia Zhukova"],
    "Дмитрий Шостакович": ["Dmitriy Shostakovich", "Dmitri Schostakowitsch", "Dmitrii Shostakovich"],
    "Олександр Кравчук": ["Oleksandr Kravchuk", "Oleksandr Krawtschuk"],
    "Тетяна Шевченко": ["Tetyana Shevchenko", "Tetiana Schewtschenko", "Tetiana Shevchenko"],
    "Михаил Булгаков": ["Mikhail Bulgakov", "Michail Bulgakow"],
    "Екатерина Смирнова": ["Ekaterina Smirnova", "Jekaterina Smirnowa", "Yekaterina Smirnova"],
    "Владимир Хрущёв": ["Vladimir Khrushchyov", "Wladimir Chruschtschow", "Vladimir Khrushchev"],
    "Никола Йовановић": ["Nikola Jovanović", "Nikola Jovanovic"],
    "Георги Димитров": ["Georgi Dimitrov", "Georgi Dimitrow"],
    "Любомир Стоянов": ["Lyubomir Stoyanov", "Ljubomir Stojanow"],
    "Γιώργος Παπαδόπουλος": ["Giorgos Papadopoulos"],
    "Μαρία Οικονόμου": ["Maria Oikonomou"],
    "Νίκος Καζαντζάκης": ["Nikos Kazantzakis"],
    "Ελένη Αγγελοπούλου": ["Eleni Angelopoulou", "Eleni Aggelopoulou"],
    "Δημήτρης Μπακογιάννης": ["Dimitris Bakogiannis", "Dimitris Mpakogiannis"],
    "Χρήστος Ευαγγέλου": ["Christos Evangelou", "Christos Evaggelou"],
    "Κώστας Στεφανίδης": ["Kostas Stefanidis", "Costas Stephanidis"],
    "Σοφία Βασιλείου": ["Sofia Vasileiou", "Sofia Vassiliou"],
}
TRADES = [
    "Bäckerei",
    "Metzgerei",
    "Autohaus",
    "Möbelhaus",
    "Schreinerei",
    "Spedition",
    "Gärtnerei",
    "Brauerei",
    "Druckerei",
    "Apotheke",
    "Dachdeckerei",
    "Fahrschule",
    "Weingut",
    "Buchhandlung",
    "Elektro",
    "Sanitär",
    "Zimmerei",
    "Reisebüro",
    "Hausverwaltung",
    "Steuerberatung",
]
AFTER = [
    "Logistik",
    "Immobilien",
    "Consulting",
    "Bau",
    "Technik",
    "Maschinenbau",
    "Handel",
    "Transporte",
    "Software",
    "Medien",
    "Metallbau",
    "Solar",
    "Holding",
    "Energie",
    "Systeme",
]
COINED = [
    "Vantero",
    "Kestrel",
    "Numira",
    "Solvanta",
    "Quendel",
    "Astavia",
    "Brightmoor",
    "Falkonia",
    "Zephyrion",
    "Taldora",
    "Morvanta",
    "Elbwind",
    "Nordlicht",
    "Havelland",
    "Isartal",
    "Rheinquell",
    "Oderbruch",
    "Allerton",
    "Weserkai",
    "Spreegold",
]
FORMS = {
    "GmbH": ["gmbh", "G.m.b.H.", "Gesellschaft mit beschränkter Haftung", "GMBH"],
    "AG": ["Aktiengesellschaft", "A.G.", "ag"],
    "UG (haftungsbeschränkt)": [
        "UG",
        "UG haftungsbeschränkt",
        "Unternehmergesellschaft (haftungsbeschränkt)",
    ],
    "GmbH & Co. KG": ["GmbH und Co. KG", "GmbH & Co KG", "GmbH&Co.KG", "GmbH + Co. KG"],
    "KG": ["K.G.", "Kommanditgesellschaft"],
    "OHG": ["ohg", "O.H.G.", "offene Handelsgesellschaft"],
    "e.K.": ["e. K.", "eK", "e.Kfm.", "eingetragener Kaufmann"],
    "eG": ["e.G.", "eingetragene Genossenschaft", "EG"],
    "e.V.": ["eV", "e. V.", "eingetragener Verein"],
    "GbR": ["G.b.R.", "GBR", "Gesellschaft bürgerlichen Rechts"],
    "SE": ["S.E.", "se"],
    "Ltd": ["Limited", "Ltd.", "LTD"],
    "S.A.": ["SA", "S. A.", "Société Anonyme"],
    "SARL": ["S.A.R.L.", "S.à r.l.", "sarl", "Sàrl"],
    "S.r.l.": ["SRL", "S. r. l.", "Srl"],
    "S.p.A.": ["SpA", "S. p. A."],
    "B.V.": ["BV", "b.v."],
    "Sp. z o.o.": ["Sp. z oo", "SP. Z O.O.", "spółka z ograniczoną odpowiedzialnością"],
    "AB": ["ab", "Aktiebolag"],
    "A/S": ["AS", "a/s"],
    "Oy": ["OY", "Osakeyhtiö"],
    "S.L.": ["SL", "S. L."],
    "KGaA": ["Kommanditgesellschaft auf Aktien", "KGAA"],
}
OTHER_FORM = [
    ("GmbH", "AG"),
    ("GmbH", "GmbH & Co. KG"),
    ("GmbH", "UG (haftungsbeschränkt)"),
    ("AG", "SE"),
    ("KG", "OHG"),
    ("e.K.", "GmbH"),
    ("Ltd", "GmbH"),
]
WRITTEN_OUT = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "Ä": "Ae",
    "Ö": "Oe",
    "Ü": "Ue",
    "ø": "oe",
    "å": "aa",
    "Ø": "Oe",
    "Å": "Aa",
}
BARE = dict(
    zip(
        "äöüÄÖÜøåØÅéèêçñíóáúćńśźżąęěřýğşıčšžłőűâîôățŞÇ",
        "aouAOUoaOAeeecnioaucnszzaeerygsicszlouaioatSC",
        strict=True,
    )
)
NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk", "k": "jl", "l": "kö",
    "m": "n", "n": "bm", "o": "ip", "p": "oü", "r": "et", "s": "ad", "t": "rz", "u": "zi", "v": "cb", "w": "qe", "x": "yc", "y": "x", "z": "tu",
}  # fmt: skip


class Names:
    """What the rules take their names from."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)

    def one(self, choices: list[str]) -> str:
        return self.chance.choice(choices)

    def first(self) -> str:
        return self.one(FIRST)

    def last(self) -> str:
        return self.one(LAST)

    def two(self, pairs: list[str]) -> tuple[str, str]:
        """Both of a pair, in either order."""
        both = self.one(pairs).split("/")
        self.chance.shuffle(both)
        return both[0], both[1]

    def others(self, choices: list[str], count: int = 2) -> list[str]:
        return self.chance.sample(choices, count)

    def slip(self, word: str) -> str:
        """One slip of the finger, not on the first letter: two letters swapped, one lost, doubled, or its neighbour."""
        place = self.chance.randrange(1, len(word) - 1)
        before, letter, after = word[:place], word[place], word[place + 1 :]
        made = self.chance.choice(
            [
                before + after[0] + letter + after[1:],
                before + after,
                before + letter + letter + after,
                before + self.chance.choice(NEIGHBOURS.get(letter.lower(), "e")) + after,
            ]
        )
        return made if made != word else before + letter + letter + after

    def company(self) -> tuple[str, str]:
        """A name without its form, and a form."""
        kind = self.chance.randrange(3)
        if kind == 0:
            name = f"{self.one(TRADES)} {self.last()}"
        elif kind == 1:
            name = f"{self.last()} {self.one(AFTER)}"
        else:
            name = f"{self.one(COINED)} {self.one(AFTER)}"
        return name, self.one(list(FORMS))


def _translated(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(letter, letter) for letter in text)


def _with(letters: str, names: list[str]) -> list[str]:
    return [name for name in names if any(letter in name for letter in letters)]


Rule = tuple[str, str, int, Callable[[Names], Pair]]


def _same(n: Names) -> Pair:
    name = f"{n.first()} {n.last()}"
    return n.one([name, name.upper(), name.lower(), name.replace(" ", "  ")]), name


def _turned_round(n: Names) -> Pair:
    first, last = n.first(), n.last()
    return n.one([f"{last} {first}", f"{last}, {first}", f"{last.upper()} {first}"]), f"{first} {last}"


def _titled(n: Names) -> Pair:
    name = f"{n.first()} {n.last()}"
    titled = n.one(
        [
            f"{n.one(TITLES)} {name}",
            f"{n.one(SALUTATIONS)} {name}",
            f"{n.one(SALUTATIONS[:5])} {n.one(TITLES)} {name}",
        ]
    )
    return (titled, name) if n.chance.random() < 0.7 else (name, titled)


def _umlaut_written_out(n: Names) -> Pair:
    name = f"{n.first()} {n.one(_with('äöüßøå', LAST))}"
    other = _translated(name, WRITTEN_OUT)
    return (other, name) if n.chance.random() < 0.7 else (name, other)


def _marks_left_out(n: Names) -> Pair:
    name = f"{n.first()} {n.one(_with('äöüøåéèçñíáúćńśźżąęřğşıłőă', LAST))}"
    return _translated(name, BARE), name


def _other_script(n: Names) -> Pair:
    name = n.one(list(OTHER_SCRIPTS))
    return (
        (n.one(OTHER_SCRIPTS[name]), name) if n.chance.random() < 0.7 else (name, n.one(OTHER_SCRIPTS[name]))
    )


def _hyphen_of_first(n: Names) -> Pair:
    first, last = n.one(DOUBLE_FIRST), n.last()
    return n.one(
        [first.replace("-", " "), first.replace("-", "").capitalize(), first.replace("-", " - ")]
    ) + f" {last}", f"{first} {last}"


def _hyphen_of_last(n: Names) -> Pair:
    one, other = n.others(LAST)
    first = n.first()
    return f"{first} {one} {other}", f"{first} {one}-{other}"


def _one_of_two(n: Names) -> Pair:
    (one, other), last = n.others(FIRST), n.last()
    link = n.one(["und", "&", "u.", "oder"])
    return f"{one} {last}", n.one(
        [f"{one} {link} {other} {last}", f"{other} {link} {one} {last}", f"{one} {last}|{other} {last}"]
    )


def _both_of_two(n: Names) -> Pair:
    (one, other), last = n.others(FIRST), n.last()
    return n.one(
        [f"{other} und {one} {last}", f"{one} & {other} {last}", f"{one} {last} und {other} {last}"]
    ), f"{one} und {other} {last}"


def _two_of_other_names(n: Names) -> Pair:
    (one, other), (last, second) = n.others(FIRST), n.others(LAST)
    return f"{one} {last}", f"{other} {second}|{one} {last}"


def _owner_or_business(n: Names) -> Pair:
    name, business = (
        f"{n.first()} {n.last()}",
        f"{n.one(TRADES)} {n.one(['Sonnenschein', 'am Markt', 'Rosengarten', 'Lindenhof'])}",
    )
    return n.one([name, business]), n.one(
        [f"{business}, Inh. {name}", f"{business} Inhaber {name}", f"{name}|{business}"]
    )


def _initial(n: Names) -> Pair:
    first, last = n.first(), n.last()
    return n.one([f"{first[0]}. {last}", f"{first[0]} {last}", f"{last}, {first[0]}."]), f"{first} {last}"


def _middle_name(n: Names) -> Pair:
    first, middle, last = n.first(), n.one(MIDDLE), n.last()
    short, long = f"{first} {last}", n.one([f"{first} {middle} {last}", f"{first} {middle[0]}. {last}"])
    return (short, long) if n.chance.random() < 0.7 else (long, short)


def _slip_in_last(n: Names) -> Pair:
    first, last = n.first(), n.one([last for last in LAST if len(last) >= 5])
    return f"{first} {n.slip(last)}", f"{first} {last}"


def _slip_in_first(n: Names) -> Pair:
    first, last = n.one([first for first in FIRST if len(first) >= 5]), n.last()
    return f"{n.slip(first)} {last}", f"{first} {last}"


def _familiar(n: Names) -> Pair:
    (long, short), last = n.one(FAMILIAR).split("/"), n.last()
    return (
        (f"{short} {last}", f"{long} {last}")
        if n.chance.random() < 0.7
        else (f"{long} {last}", f"{short} {last}")
    )


def _first_respelt(n: Names) -> Pair:
    (one, other), last = n.two(RESPELT), n.last()
    return f"{one} {last}", f"{other} {last}"


def _last_respelt(n: Names) -> Pair:
    first, (one, other) = n.first(), n.two(RESPELT_LAST)
    return f"{first} {one}", f"{first} {other}"


def _half_a_double_name(n: Names) -> Pair:
    first, (one, other) = n.first(), n.others(LAST)
    whole = f"{first} {one}-{other}"
    half = n.one([f"{first} {one}", f"{first} {other}"])
    return (half, whole) if n.chance.random() < 0.7 else (whole, half)


def _half_a_double_first(n: Names) -> Pair:
    first, last = n.one(DOUBLE_FIRST), n.last()
    return f"{first.split('-')[0]} {last}", f"{first} {last}"


def _without_particle(n: Names) -> Pair:
    first, last = n.first(), n.last()
    return f"{first} {last}", f"{first} {n.one(PARTICLES)} {last}"


def _generation_left_out(n: Names) -> Pair:
    name = f"{n.first()} {n.last()}"
    return name, f"{name} {n.one(['sen.', 'jun.', 'jr.', 'senior'])}"


def _relative(n: Names) -> Pair:
    (one, other), last = (
        n.others([first for first in FIRST if first not in ("Johanna", "Helena", "Magdalena", "Elisabeth")]),
        n.last(),
    )
    return f"{one} {last}", f"{other} {last}"


def _sibling_of_like_name(n: Names) -> Pair:
    (one, other), last = n.two(SIBLINGS), n.last()
    return f"{one} {last}", f"{other} {last}"


def _father_and_son(n: Names) -> Pair:
    name = f"{n.first()} {n.last()}"
    return f"{name} {n.one(['sen.', 'senior'])}", f"{name} {n.one(['jun.', 'junior', 'jr.'])}"


def _other_middle(n: Names) -> Pair:
    first, (one, other), last = n.first(), n.others(MIDDLE), n.last()
    return f"{first} {one} {last}", f"{first} {other} {last}"


def _other_last(n: Names) -> Pair:
    first, (one, other) = n.first(), n.others(LAST)
    return f"{first} {one}", f"{first} {other}"


def _other_last_of_like_sound(n: Names) -> Pair:
    first, (one, other) = n.first(), n.two(OTHER_LAST)
    return f"{first} {one}", f"{first} {other}"


def _stranger(n: Names) -> Pair:
    (one, other), (last, second) = n.others(FIRST), n.others(LAST)
    return f"{one} {last}", f"{other} {second}"


def _last_alone(n: Names) -> Pair:
    first, last = n.first(), n.last()
    return n.one([last, f"Herr {last}", f"Familie {last}"]), f"{first} {last}"


def _first_alone(n: Names) -> Pair:
    first, last = n.first(), n.last()
    return n.one([first, f"Frau {first}"]), f"{first} {last}"


def _other_initial(n: Names) -> Pair:
    first, last = n.first(), n.last()
    letter = n.one([letter for letter in "ABDEFGHKLMNPRSTW" if letter != first[0]])
    return f"{letter}. {last}", f"{first} {last}"


def _child_of_two(n: Names) -> Pair:
    (one, other, child), last = (
        n.others(["Silke", "Uwe", "Petra", "Dieter", "Monika", "Leon", "Mia", "Ferdinand", "Clara"], 3),
        n.last(),
    )
    return f"{child} {last}", f"{one} und {other} {last}"


def _company_of_that_surname(n: Names) -> Pair:
    first, last = n.first(), n.last()
    return n.one([f"{last} GmbH", f"{last} & Söhne KG", f"{n.one(TRADES)} {last}"]), f"{first} {last}"


def _company_same(n: Names) -> Pair:
    name, form = n.company()
    whole = f"{name} {form}"
    return n.one([whole, whole.upper(), whole.replace(" ", "  "), whole.replace("-", " ")]), whole


def _form_written_otherwise(n: Names) -> Pair:
    name, form = n.company()
    return f"{name} {n.one(FORMS[form])}", f"{name} {form}"


def _form_left_out(n: Names) -> Pair:
    name, form = n.company()
    return name, f"{name} {form}"


def _company_letters(n: Names) -> Pair:
    name = f"{n.one(_with('äöü', TRADES))} {n.one(_with('äöüß', LAST))}"
    return n.one(
        [_translated(name, WRITTEN_OUT), _translated(name, BARE | {"ß": "ss"})]
    ), f"{name} {n.one(['GmbH', 'KG', 'e.K.'])}"


def _and_sign(n: Names) -> Pair:
    one, other = n.others(LAST)
    form = n.one(["GmbH", "OHG", "KG", "PartG mbB"])
    return f"{one} {n.one(['und', '+', 'u.'])} {other} {form}", f"{one} & {other} {form}"


def _words_joined(n: Names) -> Pair:
    stem, form = (
        n.one(["Auto Haus", "Metall Bau", "Garten Center", "Wohn Bau", "Holz Handel", "Getränke Markt"]),
        n.one(["GmbH", "KG"]),
    )
    last = n.last()
    return n.one(
        [f"{stem.replace(' ', '-')} {last} {form}", f"{stem.replace(' ', '').capitalize()} {last} {form}"]
    ), f"{stem} {last} {form}"


def _other_form(n: Names) -> Pair:
    name, (one, other) = n.company()[0], n.chance.choice(OTHER_FORM)
    return f"{name} {one}", f"{name} {other}"


def _trade_left_out(n: Names) -> Pair:
    last, trade, form = n.last(), n.one(TRADES), n.one(["GmbH", "KG", "OHG"])
    return n.one([last, f"{last} {form}"]), f"{trade} {last} {form}"


def _company_slip(n: Names) -> Pair:
    trade, last, form = (
        n.one(TRADES),
        n.one([last for last in LAST if len(last) >= 5]),
        n.one(["GmbH", "AG", "KG"]),
    )
    return n.one([f"{trade} {n.slip(last)} {form}", f"{trade} {n.slip(last)}"]), f"{trade} {last} {form}"


def _place_added(n: Names) -> Pair:
    name, form = n.company()
    return f"{name} {n.one(['Deutschland', 'Europe', 'International'])}", f"{name} {form}"


def _other_trade(n: Names) -> Pair:
    (one, other), last, form = n.others(TRADES), n.last(), n.one(["GmbH", "KG", ""])
    return f"{one} {last} {form}".strip(), f"{other} {last} {form}".strip()


def _other_name_same_trade(n: Names) -> Pair:
    trade, (one, other), form = n.one(TRADES), n.others(LAST), n.one(["GmbH", "KG", "e.K."])
    return f"{trade} {one} {form}", f"{trade} {other} {form}"


def _other_company(n: Names) -> Pair:
    (one, form), (other, second) = n.company(), n.company()
    return f"{one} {form}", f"{other if other.split()[0] not in one else 'Delphin Werft'} {second}"


def _other_number(n: Names) -> Pair:
    stem, (one, other) = (
        f"{n.one(COINED)} {n.one(['Windpark', 'Solarfonds', 'Immobilien', 'Beteiligung'])}",
        n.others(["1", "2", "3", "12", "IV", "VII"]),
    )
    return f"{stem} {one} GmbH & Co. KG", f"{stem} {other} GmbH & Co. KG"


def _trade_alone(n: Names) -> Pair:
    trade, last = n.one(TRADES), n.last()
    return n.one([trade, f"{trade} GmbH"]), f"{trade} {last} GmbH"


def _person_for_company(n: Names) -> Pair:
    name, form = n.company()
    return f"{n.first()} {n.last()}", f"{name} {form}"


RULES: list[Rule] = [
    ("same", MATCH, 45, _same),
    ("turned_round", MATCH, 60, _turned_round),
    ("titled", MATCH, 70, _titled),
    ("umlaut_written_out", MATCH, 60, _umlaut_written_out),
    ("marks_left_out", MATCH, 60, _marks_left_out),
    ("other_script", MATCH, 60, _other_script),
    ("hyphen_of_first", MATCH, 40, _hyphen_of_first),
    ("hyphen_of_last", MATCH, 40, _hyphen_of_last),
    ("one_of_two", MATCH, 60, _one_of_two),
    ("both_of_two", MATCH, 40, _both_of_two),
    ("two_of_other_names", MATCH, 30, _two_of_other_names),
    ("owner_or_business", MATCH, 40, _owner_or_business),
    ("company_same", MATCH, 40, _company_same),
    ("form_written_otherwise", MATCH, 90, _form_written_otherwise),
    ("form_left_out", MATCH, 60, _form_left_out),
    ("company_letters", MATCH, 40, _company_letters),
    ("and_sign", MATCH, 40, _and_sign),
    ("words_joined", MATCH, 30, _words_joined),
    ("initial", CLOSE, 60, _initial),
    ("middle_name", CLOSE, 60, _middle_name),
    ("slip_in_last", CLOSE, 90, _slip_in_last),
    ("slip_in_first", CLOSE, 60, _slip_in_first),
    ("familiar", CLOSE, 60, _familiar),
    ("first_respelt", CLOSE, 40, _first_respelt),
    ("last_respelt", CLOSE, 40, _last_respelt),
    ("half_a_double_name", CLOSE, 50, _half_a_double_name),
    ("half_a_double_first", CLOSE, 30, _half_a_double_first),
    ("without_particle", CLOSE, 40, _without_particle),
    ("generation_left_out", CLOSE, 30, _generation_left_out),
    ("other_form", CLOSE, 40, _other_form),
    ("trade_left_out", CLOSE, 40, _trade_left_out),
    ("company_slip", CLOSE, 60, _company_slip),
    ("place_added", CLOSE, 30, _place_added),
    ("relative", NO_MATCH, 110, _relative),
    ("sibling_of_like_name", NO_MATCH, 80, _sibling_of_like_name),
    ("father_and_son", NO_MATCH, 30, _father_and_son),
    ("other_middle", NO_MATCH, 30, _other_middle),
    ("other_last", NO_MATCH, 60, _other_last),
    ("other_last_of_like_sound", NO_MATCH, 50, _other_last_of_like_sound),
    ("stranger", NO_MATCH, 60, _stranger),
    ("last_alone", NO_MATCH, 40, _last_alone),
    ("first_alone", NO_MATCH, 30, _first_alone),
    ("other_initial", NO_MATCH, 40, _other_initial),
    ("child_of_two", NO_MATCH, 40, _child_of_two),
    ("company_of_that_surname", NO_MATCH, 50, _company_of_that_surname),
    ("other_trade", NO_MATCH, 50, _other_trade),
    ("other_name_same_trade", NO_MATCH, 40, _other_name_same_trade),
    ("other_company", NO_MATCH, 40, _other_company),
    ("other_number", NO_MATCH, 30, _other_number),
    ("trade_alone", NO_MATCH, 30, _trade_alone),
    ("person_for_company", NO_MATCH, 40, _person_for_company),
]


def make_pairs(salt: str = "") -> Iterator[tuple[str, str, str, str]]:
    """(given, holders, label, rule), each pair once. Another ``salt`` makes other pairs by the same rules."""
    for name, label, count, rule in RULES:
        names, made = Names(salt + name), set()
        for _try in range(count * 40):
            if len(made) == count:
                break
            pair = rule(names)
            if pair not in made:
                made.add(pair)
                yield *pair, label, name


def write_pairs(path: Path = PAIRS) -> int:
    """Write the file; how many pairs."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["given", "holders", "label", "rule"])
        rows = list(make_pairs())
        writer.writerows(rows)
    return len(rows)


if __name__ == "__main__":
    write_pairs()
