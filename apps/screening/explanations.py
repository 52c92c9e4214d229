"""Why a hit was raised, in sentences for whoever decides it."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.screening.matching import WordReason, explain_match

_SENTENCES: dict[WordReason, Promise] = {
    WordReason.SAME: _("“%(word)s” is the same word."),
    WordReason.SPELLING: _("“%(word)s” and “%(listed)s” are spellings of one word."),
    WordReason.CONSONANTS: _("“%(word)s” and “%(listed)s” have the same consonants."),
    WordReason.SLIP: _("“%(word)s” and “%(listed)s” differ by one letter."),
    WordReason.SIMILAR: _("“%(word)s” and “%(listed)s” have most letters in common."),
    WordReason.BLANKS: _("“%(word)s” and “%(listed)s” are alike when blanks are left out."),
    WordReason.ONLY_CUSTOMER: _("Only the customer's name has “%(word)s”."),
    WordReason.ONLY_LISTED: _("Only the listed name has “%(listed)s”."),
}


def explain_names(*, customer_name: str, listed_name: str) -> list[str]:
    """One sentence for each word of the two names; words stand as they were compared, in Latin letters."""
    return [
        str(_SENTENCES[match.reason]) % {"word": match.word, "listed": match.listed_word}
        for match in explain_match(customer_name, listed_name)
    ]
