"""Every text of the pages is there in every language, and none is written into a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from central.database import Database
from central.web import language
from central.web.app import STATIC, make_app
from central.web.language import ENGLISH, LANGUAGES, preferred

WEB = Path(language.__file__).parent
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
SPOKEN = ("alt", "aria-label", "placeholder", "title", "content")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
ASKED = re.compile(r"""\bt(?:\.html)?\(\s*["']([a-z_.]+)["']""")
BUILT = re.compile(r"""\bt(?:\.html)?\(\s*(?:f?["'`])([a-z_.]+\.)(?:["'] ~|\$?\{)""")


class _Visible(HTMLParser):
    """Collects what a reader sees or hears of a template."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._meta = ("viewport", "color-scheme", "theme-color")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and values.get("name") in self._meta:
            return
        self.said += [value for name, value in attrs if name in SPOKEN and value]

    def handle_data(self, data: str) -> None:
        # What a block or a macro puts into a tag that stands elsewhere.
        self.said.append(re.sub(r'[\w-]+(="[^"]*")|\bdata-may-act\b', "", data))


def without_jinja(text: str) -> str:
    text = re.sub(r"\{% block main_class %\}.*?\{% endblock %\}", "", text)
    return re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_visible_text_is_written_into_a_template(template: Path) -> None:
    """Units that are the same everywhere may stand there: UTC, and a percent sign."""
    parser = _Visible()
    parser.feed(without_jinja(template.read_text(encoding="utf-8")))
    said = " ".join(parser.said).replace("UTC", "")
    assert re.findall(r"[^\W\d_]+", said) == []


@pytest.mark.parametrize("code", sorted(set(LANGUAGES) - {"en"}))
def test_a_language_has_every_text_and_every_value_in_it(code: str) -> None:
    """The same keys as English, none empty, each with the same values to be filled in."""
    texts = LANGUAGES[code].table
    assert set(texts) == set(ENGLISH.table)
    for key, text in texts.items():
        assert text.strip(), key
        assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(ENGLISH.table[key])), key


def asked_keys() -> Iterator[tuple[str, str]]:
    """Yield each key that templates, modules and scripts ask for, with the file."""
    for path in (*TEMPLATES, *WEB.rglob("*.py"), *STATIC.rglob("*.js")):
        text = path.read_text(encoding="utf-8")
        prefix = language.FOR_SCRIPTS if path.suffix == ".js" else ""
        for key in ASKED.findall(text):
            if not key.endswith("."):
                yield path.name, prefix + key
        for beginning in BUILT.findall(text):
            yield path.name, prefix + beginning


def test_every_text_that_is_asked_for_exists() -> None:
    """Also those that depend on a number, and those whose key ends with a value."""
    asked = list(asked_keys())
    assert len(asked) > 100
    for file, key in asked:
        if key.endswith("."):
            assert any(known.startswith(key) for known in ENGLISH.table), (file, key)
        else:
            assert key in ENGLISH.table or f"{key}.other" in ENGLISH.table, (file, key)


def test_every_text_is_asked_for() -> None:
    """What nobody says any more need not be translated."""
    asked = {key for _, key in asked_keys()}
    files = (*TEMPLATES, *WEB.rglob("*.py"), *STATIC.rglob("*.js"))
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    for key in ENGLISH.table:
        stem = re.sub(r"\.(one|other)$", "", key)
        in_source = key.removeprefix(language.FOR_SCRIPTS)
        heads = [in_source[: dot.end()] for dot in re.finditer(r"\.", in_source)]
        is_built = any(
            re.search(rf"""["'`]{re.escape(head)}(["'] ~|\$?{{)""", source) for head in heads
        )
        assert {key, stem} & asked or f'"{stem}"' in source or f'"{key}"' in source or is_built, key


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR, es;q=0.7, en;q=0.3", "es"),
        ("fr", "en"),
        ("en;q=0.2, de;q=0.9", "de"),
        ("de;q=0, es;q=oops", "en"),
        ("", "en"),
    ],
)
def test_the_browser_says_which_language(header: str, code: str) -> None:
    """The one it likes best of those that there are; else English."""
    assert preferred(header).language == code


def test_a_chosen_language_holds(tmp_path: Path) -> None:
    """The switch keeps it, leads back to where one was, and knows its own languages only."""
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    with TestClient(make_app(database, {}), headers={"Accept-Language": "es"}) as client:
        assert '<html lang="es">' in client.get("/").text
        form = {"language": "de", "next": "/more"}
        answer = client.post("/language", data=form, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/more")
        assert '<html lang="de">' in client.get("/").text
        away = client.post(
            "/language", data=form | {"next": "//evil.example"}, follow_redirects=False
        )
        assert away.headers["location"] == "/"
        assert client.post("/language", data={"language": "xx"}).status_code == 400
    database.close()


def test_ordinals_are_said_as_in_each_language() -> None:
    """English has three forms besides th."""
    said = [ENGLISH.ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)]
    assert said == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]
    assert LANGUAGES["de"].ordinal(2) == "2."


def test_a_value_in_a_text_is_escaped() -> None:
    """Names come from outside."""
    assert "&lt;b&gt;" in ENGLISH.html("link.intro", name="<b>")
