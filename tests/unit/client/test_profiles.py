"""Which deployment is spoken to, and with which key."""

import stat
from pathlib import Path

import pytest

from easel_client import SettingsError
from easel_client.profiles import Profile, Profiles, connection, profile_file

HOME, WORK = "https://home.example", "https://work.example/easel"


@pytest.fixture
def two() -> Profiles:
    """Two profiles, the first one being the default."""
    made = (
        Profiles({}, None).having("home", Profile(HOME, "ezl_home")).having("work", Profile(WORK, "ezl_work"))
    )
    made.write()
    return made


def stack(folder: Path, url: str | None = "http://127.0.0.1:3104") -> None:
    """A local stack's data folder."""
    (folder / ".easel").mkdir(parents=True)
    (folder / ".easel" / "api-key").write_text("ezl_local\n")
    if url:
        (folder / ".easel" / "url").write_text(f"{url}\n")


def found() -> tuple[str, str]:
    """Address and key."""
    here = connection()
    return here.url, here.key


def test_arguments_come_before_everything(two: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_URL", HOME)
    given = connection("http://other.example/", "mine")
    assert (given.url, given.key) == ("http://other.example", "mine")
    named = connection(profile="work")
    assert (named.url, named.key) == (WORK, "ezl_work")


def test_environment_comes_before_the_file_and_the_file_before_the_local_stack(
    two: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack(Path())
    assert found() == (HOME, "ezl_home")
    monkeypatch.setenv("EASEL_PROFILE", "work")
    assert found() == (WORK, "ezl_work")
    monkeypatch.setenv("EASEL_URL", "https://third.example")
    monkeypatch.setenv("EASEL_API_KEY", "ezl_third")
    assert found() == ("https://third.example", "ezl_third")


def test_a_kept_key_goes_only_to_its_own_address(two: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(Path())
    monkeypatch.setenv("EASEL_URL", "https://third.example")
    with pytest.raises(SettingsError, match=r"No key for https://third\.example is known"):
        connection()
    monkeypatch.setenv("EASEL_URL", f"{WORK}/")
    assert found() == (WORK, "ezl_work")
    monkeypatch.setenv("EASEL_URL", "http://127.0.0.1:3104")
    assert found() == ("http://127.0.0.1:3104", "ezl_local")


def test_the_local_stack_is_found_from_below_and_by_its_name(
    alone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack(alone)
    below = alone / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert found() == ("http://127.0.0.1:3104", "ezl_local")
    Profiles({}, None).having("home", Profile(HOME, "ezl_home")).write()
    assert connection(profile="local").key == "ezl_local"
    profile_file().unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="easel login"):
        connection()
    monkeypatch.setenv("EASEL_DATA_DIR", str(alone / ".easel"))
    assert found() == ("http://127.0.0.1:3104", "ezl_local")


def test_a_key_alone_is_for_the_usual_local_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_API_KEY", "ezl_mine")
    assert found() == ("http://127.0.0.1:3000", "ezl_mine")
    stack(Path(), url=None)
    assert found() == ("http://127.0.0.1:3000", "ezl_mine")
    monkeypatch.delenv("EASEL_API_KEY")
    assert found() == ("http://127.0.0.1:3000", "ezl_local")


def test_the_file_is_its_owners_alone_and_reads_as_it_was_written(two: Profiles) -> None:
    file = profile_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Profiles.read() == two
    assert "ezl_" not in repr(two)
    assert (two.default, two.preferring("work").default, two.without("home").default) == (
        "home",
        "work",
        None,
    )
    two.without("home").without("work").write()
    assert Profiles.read() == Profiles({}, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profiles = 3", "is not a profile file"),
        ("[profiles.a]\nurl = 'https://a.example'", "is not a profile file"),
        ("[profiles.a]\nurl = 'ftp://a.example'\nkey = 'k'", "is no address"),
        ("[profiles.a]\nurl = 'https://user@a.example'\nkey = 'k'", "is no address"),
        ("[profiles.a]\nurl = 'https://:pw@a.example'\nkey = 'k'", "is no address"),
        ("[profiles.a]\nurl = 'https://a b.example'\nkey = 'k'", "is no address"),
        ("[profiles.a]\nurl = \"https://a\\nb.example\"\nkey = 'k'", "is no address"),
        ("[profiles.a]\nurl = 'https://a.example?'\nkey = 'k'", "is no address"),
        ("[profiles.a]\nurl = 'https://a.example'\nkey = 'two words'", "The key has characters"),
        ("[[[", "is not a profile file"),
    ],
)
def test_a_broken_file_is_said_without_its_keys(text: str, words: str) -> None:
    profile_file().parent.mkdir(parents=True)
    profile_file().write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        connection()
    assert "two words" not in str(caught.value)


def test_names_that_are_not_there_are_said_with_those_that_are(two: Profiles) -> None:
    with pytest.raises(SettingsError, match="There are home, work"):
        connection(profile="nix")
    two.without("home").write()
    assert Profiles.read().default is None
    with pytest.raises(SettingsError, match="No profile is the default one"):
        connection()
    with pytest.raises(SettingsError, match="no name for a profile"):
        two.having("a b", Profile(HOME, "k"))


@pytest.mark.parametrize(
    "url", ["https://evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.7:3000"]
)
def test_a_folders_stack_gets_no_key_unless_it_is_on_this_machine(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack(Path(), url)
    for key in (None, "ezl_mine"):
        if key:
            monkeypatch.setenv("EASEL_API_KEY", key)
        with pytest.raises(SettingsError, match="not on this machine"):
            connection()
    monkeypatch.setenv("EASEL_URL", "https://mine.example")
    assert found() == ("https://mine.example", "ezl_mine")


@pytest.mark.parametrize("url", ["http://127.0.0.1:3104", "http://localhost:3104", "http://[::1]:3104"])
def test_a_folders_stack_on_this_machine_is_spoken_to(url: str) -> None:
    stack(Path(), url)
    assert found() == (url, "ezl_local")


@pytest.mark.parametrize("name", ["my.prod", "two words", 'quo"te\\', "sch\u00f6n", "\U0001f98a", "\x7f"])
def test_a_name_that_was_written_by_hand_stays_as_it_is(name: str) -> None:
    by_hand = Profiles({name: Profile(HOME, "ezl_home")}, name)
    by_hand.write()
    assert Profiles.read() == by_hand
    Profiles.read().having("work", Profile(WORK, "ezl_work")).write()
    assert Profiles.read().named(name) == Profile(HOME, "ezl_home")
    assert found() == (HOME, "ezl_home")
