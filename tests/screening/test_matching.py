"""Names that are one and names that are not, measured on a generated list of labelled pairs."""

import random

import pytest

from apps.screening.explanations import explain_names
from apps.screening.matching import SCORE_MIN, NameIndex, WordMatch, explain_match, name_score

_FIRST = """
Aleksandr Mohammed Katharina Yusuf Björn François Sergej Fatima Giovanni Wolfgang Mikhail Abdulrahman Chiara Hüseyin
Jadwiga Dmitri Ibrahim Margarethe Rodrigo Svetlana Leopold Zbigniew Natascha Hassan Benedikt Ottokar
"""
_LAST = """
Tschernowski Al-Qahtani Lindqvist Oberhuber Wassiljew Kowalczyk Marchetti Yildirim Dupontel Grünewald Petrossian
Bakhtiari Sommerfeld Ruzicka Montefiore Haddadin Schwarzkopf Ivantsov Brandstetter Quintanilla Farouk Hölderer
Zimmerhackl Olteanu Krasnodar Mbekiwa
"""
FIRST, LAST = _FIRST.split(), _LAST.split()
SOUNDS = [
    ("Aleksandr", "Alexandr"), ("Mohammed", "Muhamad"), ("Katharina", "Katarina"), ("Yusuf", "Youssouf"),
    ("Björn", "Bjoern"), ("Sergej", "Sergey"), ("Mikhail", "Michail"), ("Hüseyin", "Huseyin"),
    ("Tschernowski", "Chernovsky"), ("Al-Qahtani", "Alkahtani"), ("Wassiljew", "Vasilyev"), ("Yildirim", "Yıldırım"),
    ("Grünewald", "Gruenewald"), ("Hölderer", "Holderer"), ("Bakhtiari", "Bachtiari"), ("Dmitri", "Дмитрий"),
]  # fmt: skip


def typo(word: str, dice: random.Random) -> str:
    place = dice.randrange(1, len(word) - 1)
    kind = dice.choice(["drop", "double", "swap"])
    if kind == "drop":
        return word[:place] + word[place + 1 :]
    if kind == "double":
        return word[:place] + word[place] + word[place:]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def other_spelling(first: str, last: str, dice: random.Random) -> str:
    for one, other in SOUNDS:
        first, last = (other if word == one else word for word in (first, last))
    return f"{first} {last}"


def labelled_pairs() -> list[tuple[str, str, bool]]:
    dice = random.Random(20261125)
    pairs = []
    for _ in range(200):
        first, last, middle = dice.choice(FIRST), dice.choice(LAST), dice.choice(FIRST)
        listed = f"{first} {last}"
        same = (
            f"{last}, {first}",
            f"Dr. {first.upper()} {last.upper()}",
            f"{first} {middle} {last}",
            other_spelling(first, last, dice),
            f"{first} {typo(last, dice)}",
        )
        pairs += [(listed, name, True) for name in same]
        stranger = dice.choice([name for name in FIRST if name not in (first, middle)])
        family = dice.choice([name for name in LAST if name != last])
        different = (f"{stranger} {last}", f"{first} {family}", f"{stranger} {family}", family, first)
        pairs += [(listed, name, False) for name in different]
    return pairs


@pytest.mark.req("IPR-5d(1)")
def test_precision_and_recall_on_labelled_pairs():
    pairs = labelled_pairs()
    assert len(pairs) >= 1000
    found = [(NameIndex([listed]).search(name) != [], same) for listed, name, same in pairs]
    hits = sum(1 for match, same in found if match and same)
    recall = hits / sum(same for _match, same in found)
    precision = hits / sum(match for match, _same in found)
    missed = [pair for pair, (match, same) in zip(pairs, found, strict=True) if match != same]
    print(f"recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201
    assert recall >= 0.97, missed[:20]
    assert precision >= 0.97, missed[:20]


def test_the_index_finds_what_comparing_with_everything_finds():
    listed = [f"{first} {last}" for first in FIRST[::2] for last in LAST[::2]]
    index = NameIndex(listed)
    for _listed, name, _same in labelled_pairs()[::7]:
        plain = {place for place, other in enumerate(listed) if name_score(name, other) >= SCORE_MIN}
        assert {match.position for match in index.search(name)} == plain, name


def test_few_customers_resemble_a_list_of_strangers():
    """Bounded work for staff: names that share nothing but a first name are no hits."""
    index = NameIndex(f"{first} {last}" for first in FIRST for last in LAST[:13])
    customers = [f"{first} {last}" for first in FIRST for last in LAST[13:]]
    assert sum(bool(index.search(name)) for name in customers) <= len(customers) * 0.02


@pytest.mark.parametrize(
    ("one", "other"),
    [("Xi Jinping", "习近平"), ("Muhammad Hassan", "محمد حسن"), ("Abd al-Rahman Salih", "Abdulrahman Saleh"),
     ("Krüger Werkzeugbau e.K.", "KRUEGER WERKZEUGBAU GMBH")],
)  # fmt: skip
def test_other_scripts_and_forms(one, other):
    assert name_score(one, other) >= SCORE_MIN


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ali", "Ali Hassan Mubarak"), ("Anna Schneider", "Anna Schreiber"), ("", "Anna"), ("...", "Anna"),
     ("David Hoffmann", "Dora Hoffmann"), ("Bruno Becker", "Boris Becker")],
)  # fmt: skip
def test_what_is_no_resemblance(one, other):
    assert name_score(one, other) < SCORE_MIN


@pytest.mark.req("IPR-5d(1)")
@pytest.mark.parametrize(
    ("name", "listed", "words"),
    [
        ("Anna Schneider", "SCHNEIDER, Anna", [("anna", "anna", "same"), ("schneider", "schneider", "same")]),
        ("Sergej Vasilyev", "Wassiljew Sergey",
         [("sergej", "sergey", "spelling"), ("vasilyev", "wassiljew", "spelling")]),
        ("Anna Lindqvist", "Anna Lindqviist", [("anna", "anna", "same"), ("lindqvist", "lindqviist", "spelling")]),
        ("Omar Haddadin", "Omer Hadidan", [("omar", "omer", "consonants"), ("haddadin", "hadidan", "consonants")]),
        ("Carla Oberhuber", "Carla Obernuber", [("carla", "carla", "same"), ("oberhuber", "obernuber", "slip")]),
        ("Anna Maria Tost", "Anna Tost",
         [("anna", "anna", "same"), ("tost", "tost", "same"), ("maria", "", "only_customer")]),
        ("Anna Tost", "Anna Maria Tost",
         [("anna", "anna", "same"), ("tost", "tost", "same"), ("", "maria", "only_listed")]),
        ("Xi Jinping", "Xi Jin Ping", [("xi jinping", "xi jin ping", "blanks")]),
    ],
)  # fmt: skip
def test_a_match_is_explained_word_by_word(name, listed, words):
    assert name_score(name, listed) >= SCORE_MIN
    assert explain_match(name, listed) == [WordMatch(*word) for word in words]


def test_names_that_are_no_match_are_not_explained_away():
    told = {match.reason for match in explain_match("Bela Tost", "Arno Falkenrath")}
    assert told == {"only_customer", "only_listed"}


def test_the_explanation_is_whole_sentences():
    assert explain_names(
        customer_name="Krüger Werkzeugbau e.K.", listed_name="Kruger Werkzeugbau Trading"
    ) == [
        "“kruger” is the same word.",
        "“werkzeugbau” is the same word.",
        "Only the listed name has “trading”.",
    ]
