"""The manual names what there is: each function, pillar key, rule, exit code and event."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from saltext_mip import federation, schemas
from saltext_mip.console.cli.action import Action
from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS
from saltext_mip.console.cli.completion import candidates
from saltext_mip.generations import event_log, retention
from saltext_mip.generations.store import GenerationRemoved
from saltext_mip.text import ranges
from tests.support.returns import screen

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "saltext_mip"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


reference = loaded()
PAGES = {path.relative_to(ROOT): path.read_text() for path in DOCS.rglob("*.md")}
BY_HAND = "\n".join(text for path, text in PAGES.items() if "reference" not in path.parts)

FUNCTIONS = [
    (kind, function)
    for kind in ("runners", "modules")
    for path in reference.sources(kind)
    if path.stem != "federation_node"
    for function in reference.functions(path)
]
NAMES = [f"{kind}: {function.name}" for kind, function in FUNCTIONS]


KEYS = sorted({key for key, _, _ in reference.pillar_keys(schemas.load("pillar"))})


def test_there_is_something_to_look_for() -> None:
    assert "mip.consolidate" in {function.name for _, function in FUNCTIONS}
    assert {"nodes.<id>.role", "swarm.network.subnet", "services.<name>.env"} <= set(KEYS)


@pytest.mark.parametrize(("kind", "function"), FUNCTIONS, ids=NAMES)
def test_a_function_has_its_place_in_the_manual(kind: str, function: Any) -> None:
    assert re.search(rf"\b{re.escape(function.name)}\b", BY_HAND)


@pytest.mark.parametrize(("kind", "function"), FUNCTIONS, ids=NAMES)
def test_a_docstring_has_its_arguments_and_an_example(kind: str, function: Any) -> None:
    parsed = ast.parse(f"lambda {function.signature}: 0", mode="eval").body
    assert isinstance(parsed, ast.Lambda)
    for name in (argument.arg for argument in parsed.args.args):
        assert re.search(rf"^(\w+, )*{name}(, \w+)*$", function.text, re.MULTILINE), name
    assert "Returns" in function.text
    example = function.text.partition("CLI Example:")[2]
    assert f"{function.name}" in example


@pytest.mark.parametrize("key", KEYS)
def test_a_pillar_key_has_its_place_in_the_manual(key: str) -> None:
    assert f"`{key}`" in PAGES[Path("docs/reference/pillar.md")]


def defaults(value: Any, below: str = "") -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        if isinstance(one, Mapping) and one:
            yield from defaults(one, f"{below}{key}.")
        elif not isinstance(one, Mapping):
            yield f"{below}{key}", one


@pytest.mark.parametrize(("key", "value"), list(defaults(federation.DEFAULTS)))
def test_the_manual_has_the_default_that_the_code_has(key: str, value: Any) -> None:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    assert f"| `{key}` | `{shown}` |" in PAGES[Path("docs/reference/pillar.md")]


def test_salt_run_exits_with_the_codes_that_the_manual_names() -> None:
    codes = re.findall(r"^\| (\d) \|", PAGES[Path("docs/output.md")], re.MULTILINE)
    assert codes == ["0", "1"]


def test_events_have_their_place_in_the_manual() -> None:
    fired = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'\.fire\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert fired
    for name in fired:
        assert f"`mip/<federation>/{name}`" in PAGES[Path("docs/output.md")]


def test_what_the_record_can_say_has_its_place_in_the_manual() -> None:
    for word, meaning in event_log.EVENT_TYPES.items():
        assert f"| `{word}` | {meaning} |" in PAGES[Path("docs/output.md")]


def test_the_page_of_generations_shows_what_clean_and_its_errors_look_like() -> None:
    page = PAGES[Path("docs/generations.md")]
    assert f"pusher$ mip clean --dry-run --keep 3\n{screen('clean-dry-run')}\n```" in page
    flat = " ".join(page.split())
    for error in (
        GenerationRemoved(number=2, there=ranges([3, 4, 5])),
        retention.full("fed1", 1_999_200_000, 2_000_000_000, 1_400_000),
    ):
        assert f"```text {error} ```" in flat


OPTIONS = {
    flag
    for pusher in (True, False)
    for offered in candidates(pusher=pusher).values()
    for flag in offered
    if flag.startswith("--")
} - {"--help"}


def options_of(page: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z-]*", PAGES[Path(page)]))


def test_every_option_of_the_command_is_in_its_reference_and_no_other() -> None:
    assert {"--dry-run", "--served-within", "--no-wait"} <= OPTIONS
    assert options_of("docs/reference/command.md") - {"--help"} == OPTIONS


def test_the_page_of_the_command_names_no_option_that_there_is_not() -> None:
    assert options_of("docs/command.md") - {"--help"} <= OPTIONS


@pytest.mark.parametrize("action", [*ACTIONS, *NODE_ACTIONS], ids=lambda action: action.name)
def test_every_action_is_in_the_reference_of_the_command(action: Action) -> None:
    page = PAGES[Path("docs/reference/command.md")]
    assert re.search(rf"^(### |Also: .*)mip {action.name}($|,|\.)", page, re.MULTILINE)


def test_the_reference_is_what_the_code_says() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in reference.pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: make docs"


LINKS = [
    (path, target)
    for path, text in {**PAGES, Path("README.md"): (ROOT / "README.md").read_text()}.items()
    for target in re.findall(r"\]\(([^)#]+)\)", text)
    if "://" not in target
]


@pytest.mark.parametrize(("page", "target"), LINKS, ids=str)
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    assert (ROOT / page.parent / target).exists()


def test_every_page_is_reached_from_the_index() -> None:
    linked = {target for page, target in LINKS if page == Path("docs/index.md")}
    there = {str(path.relative_to("docs")) for path in PAGES} - {"index.md"}
    assert there == linked
