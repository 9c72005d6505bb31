"""The console's files hold together, and with its Content-Security-Policy: all their code is their own."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.template import ROOT

SITE = ROOT / "functions" / "console" / "site"
LINES_MAX = 400
SCRIPTS = sorted(SITE.glob("*.js"))
STYLES = sorted(SITE.glob("*.css"))
# `import {a, b as c} from "./x.js"`, `import "./x.js"`, `export {a} from "./x.js"`
IMPORT = re.compile(r'^(?:import|export)\s+(?:\{([^}]*)\}\s+from\s+)?"([^"]+)"', re.MULTILINE | re.DOTALL)
DYNAMIC = re.compile(r"\bimport\(\s*([^)]*?)\s*\)")
EXPORT = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|const|let|class)\s+([\w$]+)", re.MULTILINE)
EXPORT_LIST = re.compile(r"^export\s+\{([^}]*)\}", re.MULTILINE)
# Ways of making code or markup of strings, or a style that the policy forbids.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc|\beval\("
    r"|new Function|document\.cookie|\b(?:h|svg)\(\"\w+\", \{[^}]*\bstyle:"
)
HOST = re.compile(r"(?:https?:)?//([A-Za-z0-9.-]+\.[a-z]{2,})")
NO_REQUEST = {"www.w3.org"}  # the name of SVG's namespace


def named(path: Path) -> str:
    return path.name


def words(listed: str) -> set[str]:
    """The names of `a, b as c` as the module that exports them has them."""
    return {name.split(" as ")[0].strip() for name in listed.split(",") if name.strip()}


def exported(path: Path) -> set[str]:
    """What a module offers to others."""
    text = path.read_text(encoding="utf-8")
    listed = {name.split(" as ")[-1].strip() for one in EXPORT_LIST.findall(text) for name in one.split(",")}
    return {*EXPORT.findall(text), *listed}


class Page(HTMLParser):
    """What the page loads, and what stands in it that the policy would not let run."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        address = given.get("src") or (given.get("href") if tag == "link" else None)
        if address:
            self.loaded.append(address)
        self._code = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._code and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._code = False


def test_page_has_no_script_or_style_of_its_own_and_loads_files_that_exist() -> None:
    page = Page()
    page.feed((SITE / "index.html").read_text(encoding="utf-8"))
    assert page.inline == []
    assert len(page.loaded) > 5
    for address in page.loaded:
        assert address.startswith("console/")  # below the page, wherever that lies
        assert (SITE / address.removeprefix("console/")).is_file(), address


def test_every_style_is_loaded_by_the_page() -> None:
    page = Page()
    page.feed((SITE / "index.html").read_text(encoding="utf-8"))
    assert {f"console/{path.name}" for path in STYLES} <= set(page.loaded)


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_module_imports_only_what_its_neighbours_export(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for names, source in IMPORT.findall(text):
        assert source.startswith("./"), source
        assert (SITE / source).is_file(), source
        missing = words(names) - exported(SITE / source)
        assert not missing, f"{source} exports no {', '.join(sorted(missing))}"
    for source in DYNAMIC.findall(text):
        assert (SITE / source.strip('"')).is_file(), source


def test_every_module_is_reached_from_the_page() -> None:
    reached, waiting = set(), ["app.js", "theme.js"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        text = (SITE / name).read_text(encoding="utf-8")
        found = [source for _, source in IMPORT.findall(text)] + [
            one.strip('"') for one in DYNAMIC.findall(text)
        ]
        waiting += [source.removeprefix("./") for source in found]
    assert reached == {path.name for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_script_makes_no_code_or_markup_of_strings(path: Path) -> None:
    assert FORBIDDEN.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES, *sorted(SITE.glob("*.html"))], ids=named)
def test_file_names_no_other_host(path: Path) -> None:
    hosts = set(HOST.findall(path.read_text(encoding="utf-8"))) - NO_REQUEST
    assert {host for host in hosts if not host.endswith(".example")} == set()  # a reserved name, RFC 2606


def test_colours_are_tokens_and_every_token_is_defined() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    used = set(re.findall(r"var\((--[\w-]+)[,)]", text))
    scripted = set(re.findall(r'"(--[\w-]+)"', "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)))
    assert len(used) > 20
    assert used - set(re.findall(r"(--[\w-]+):", text)) - scripted == set()


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=named)
def test_file_is_read_at_a_sitting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_MAX
    assert text.startswith("/*"), "says first what it is"
