"""The languages of built-in messages: which one a user reads, and the words in it.

Catalogs are gettext's, in userpools/locale; the compiled ones are kept beside them, so that a
server needs no tools. `django-admin makemessages` and `compilemessages` in userpools renew them.
"""

import re
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Final

CATALOGS: Final = Path(__file__).resolve().parent.parent / "locale"
ENGLISH: Final = "en"
# What serves each language, whatever the region.
_BY_LANGUAGE: Final = {
    "de": "de",
    "es": "es",
    "fr": "fr",
    "ja": "ja",
    "pt": "pt_BR",
    "zh": "zh_Hans",
}
LANGUAGES: Final = (*_BY_LANGUAGE.values(), "zh_Hant")
# Where Chinese is written in traditional characters, unless the locale says otherwise.
_TRADITIONAL: Final = frozenset({"hant", "tw", "hk", "mo"})
_PARTS: Final = re.compile(r"[-_.@]")


def language_of(locale: str) -> str:
    """Return the language for a `locale` attribute, such as pt-PT or de_AT; English by default.

    Source: OpenID Connect Core, section 5.1: a language tag of BCP 47, and in practice with an
    underscore.
    """
    language, *further = _PARTS.split(locale.strip().lower())
    if language == "zh" and "hans" not in further and _TRADITIONAL.intersection(further):
        return "zh_Hant"
    return _BY_LANGUAGE.get(language, ENGLISH)


def translated(text: str, language: str) -> str:
    """Return a text of a catalog in a language; as it is where there is no translation."""
    return _catalog(language).gettext(text) if language in LANGUAGES and text else text


@lru_cache(maxsize=len(LANGUAGES))
def _catalog(language: str) -> GNUTranslations:
    with (CATALOGS / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return GNUTranslations(file)
