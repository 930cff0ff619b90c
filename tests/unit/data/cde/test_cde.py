"""A CDE file: what is read from it, what is refused and how that is said, what an edit changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.cde import model as cde
from saltext_mip.data.cde.model import CdeInvalid, edit, parse, rules_digest
from tests.support import cdes
from tests.support.cdes import group, variable


def read(value: Any = None, **asked: Any) -> cde.Cde:
    return parse(cdes.content(value, **asked), pathology="dementia", node="fed1-ms")


def refused(content: bytes) -> str:
    with pytest.raises(CdeInvalid) as caught:
        parse(content, pathology="dementia", node="fed1-ms")
    message = str(caught.value)
    assert "fed1-ms" in message
    assert "dementia/CDEsMetadata.json" in message
    assert "\n" not in message
    return message


def test_variables_come_in_tree_order_a_groups_own_first() -> None:
    inner = group("inner", [variable("c")])
    tree = cdes.tree(
        variables=[variable("a")],
        groups=[group("one", [variable("b")], [inner]), group("two", [variable("d")])],
    )
    # keys in an order of their own: the tree's order is not that of the text
    tree = {"groups": tree.pop("groups"), **tree}
    assert [v.code for v in read(tree).variables] == ["dataset", "a", "b", "c", "d"]


def test_a_variable_is_read_whole() -> None:
    source = variable(
        "age", "INT", label="Age", min=0, max="120", minValue=0.5, maxValue="x", units="y"
    )
    age = read(variables=[source]).variables[1]
    assert (age.code, age.label, age.sql_type, age.is_categorical) == ("age", "Age", "int", False)
    assert age.enumerations is None
    assert (age.min, age.max, age.min_value, age.max_value) == (0, 120, 0.5, None)
    assert age.source == source


@pytest.mark.parametrize("spelt", ["text", "TEXT", "Text", "real", "REAL", "int", "Int"])
def test_types_are_in_any_letter_case(spelt: str) -> None:
    assert read(variables=[variable("v", spelt)]).variables[1].sql_type == spelt.lower()


def test_the_root_may_have_a_version_and_be_longitudinal() -> None:
    visits = [variable("subjectid"), variable("visitid")]
    assert read(variables=visits, version="7", longitudinal=True).longitudinal
    assert not read(variables=visits).longitudinal
    assert not read(longitudinal=False).longitudinal


def test_empty_groups_and_a_missing_list_are_fine() -> None:
    tree = cdes.tree(variables=[variable("a")], groups=[])
    tree["groups"] = [{"code": "g", "label": ""}]
    assert [v.code for v in read(tree).variables] == ["dataset", "a"]


def test_a_byte_order_mark_and_carriage_returns_are_fine() -> None:
    plain = cdes.content(datasets=["edsd"])
    marked = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    assert parse(marked, pathology="p").datasets == (("edsd", "EDSD"),)
    assert edit(parse(marked, pathology="p"), ["edsd"]).content == marked


# -- what is refused: JSON


def test_what_is_not_json_is_refused_with_its_line() -> None:
    assert "line 3" in refused(b'{\n"code": "x",\n"label" "y"}')
    assert "line 1" in refused(b"")
    assert "line 1" in refused(b"<html><body>Sign in</body></html>")
    assert "line 2" in refused(b"{}\n{}")


def test_a_key_twice_is_refused_with_its_line() -> None:
    message = refused(b'{"code": "x",\n"a": {"b": 1,\n"c": 2,\n"b": 3}}')
    assert "line 4" in message
    assert '"b"' in message


def test_the_same_key_in_two_objects_is_no_key_twice() -> None:
    assert read(variables=[variable("a"), variable("b")])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000])
def test_numbers_that_json_does_not_have_are_refused_with_their_line(number: str) -> None:
    assert "line 2" in refused(b'{"a":\n' + number.encode() + b"}")


@pytest.mark.parametrize("depth", [201, 990, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert "line 1" in refused(b"[" * depth + b"]" * depth)
    assert "line 1" in refused(b'{"a":' * depth + b"1" + b"}" * depth)


def test_a_deep_tree_below_the_limit_is_read_and_written() -> None:
    groups: list[dict[str, Any]] = []
    for n in range(95):
        groups = [group(f"g{n}", [variable(f"v{n}")], groups)]
    found = read(groups=groups)
    assert len(found.variables) == 96
    assert edit(found, ["edsd"]).datasets == (("edsd", "EDSD"),)


@pytest.mark.parametrize(
    "content",
    [
        b'{\n"code": "\xff"}',
        cdes.content(label="Démence").decode().encode("latin-1"),
        cdes.content().decode().encode("utf-16"),
        cdes.content().decode().encode("utf-16-le"),
    ],
)
def test_what_is_not_utf8_is_refused(content: bytes) -> None:
    assert "UTF-8" in refused(content)


def test_half_a_character_is_refused_with_its_line_and_a_whole_one_is_not() -> None:
    text = json.dumps(cdes.tree(label="\U0001f9e0"), indent=1)  # as a pair of escapes
    assert parse(text.encode(), pathology="p").label == "\U0001f9e0"
    broken = text.replace("\\udde0", "")
    line = next(n for n, row in enumerate(broken.splitlines(), 1) if "\\ud83e" in row)
    assert f"line {line}, column" in refused(broken.encode())


# -- what is refused: the tree


def changed(path: str, value: Any) -> bytes:
    """The default tree with one place changed; ``...`` removes it."""
    tree: Any = cdes.tree(datasets=["edsd"])
    here = tree
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        here = here[part]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return cdes.content(tree)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("code", ..., "at the root: a group lacks 'code'"),
        ("label", ..., "at the root: a group lacks 'label'"),
        ("label", 3, "at label"),
        ("version", 1, "at version"),
        ("longitudinal", "yes", "at longitudinal"),
        ("variables", {}, "at variables"),
        ("groups", None, "at groups"),
        ("groups.0", "x", "at groups[0]"),
        ("groups.0.groups.0.variables.0.code", "", "at groups[0].groups[0].variables[0].code"),
        ("groups.0.variables.0.label", ..., "at groups[0].variables[0] ('age')"),
        ("groups.0.variables.0.sql_type", ..., "lacks 'sql_type'"),
        ("groups.0.variables.0.sql_type", "varchar", "text, real and int"),
        ("groups.0.variables.0.sql_type", "int\n", "text, real and int"),
        ("groups.0.variables.0.isCategorical", ..., "isCategorical"),
        ("groups.0.variables.0.isCategorical", "true", "isCategorical"),
        ("groups.0.variables.0.isCategorical", True, "no enumerations"),
        ("groups.0.variables.0.enumerations", None, "enumerations"),
        ("groups.0.variables.1.enumerations.0", "m", "enumerations[0]"),
        ("groups.0.variables.1.enumerations.1.label", ..., "enumerations[1] ('f')"),
        ("groups.0.variables.1.enumerations.0.code", True, "enumerations[0].code"),
        ("groups.0.variables.1.enumerations.0.label", ["M"], "enumerations[0].label"),
        ("groups.0.groups.0.code", "demographics", "that of a group around it"),
        ("groups.0.groups.0.code", "dementia", "that of a group around it"),
        ("groups.0.variables.0.code", "a\x1b[31m", "control character"),
        ("groups.0.variables.0.code", "volume", "at groups[0].variables[0] ('volume') already"),
        ("groups.0.variables.0.code", "VOLUME", "already"),
        ("groups.0.variables.0.code", "dataset", "at variables[0] ('dataset') already"),
        ("variables.0.code", "Dataset", "no variable 'dataset'"),
        ("variables.0", ..., "no variable 'dataset'"),
        ("variables", ..., "no variable 'dataset'"),
        ("variables.0.sql_type", "int", "not of type text"),
        ("longitudinal", True, "'subjectid' and 'visitid'"),
    ],
)
def test_what_is_not_of_the_schema_is_refused_with_its_place(
    path: str, value: Any, says: str
) -> None:
    assert says in refused(changed(path, value))


def test_dataset_in_a_group_is_refused() -> None:
    tree = cdes.tree()
    tree["groups"][0]["variables"].append(tree["variables"].pop(0))
    assert "not at the root" in refused(cdes.content(tree))


def test_codes_that_differ_in_case_beyond_ascii_are_two_columns() -> None:
    assert len(read(variables=[variable("é"), variable("É")]).variables) == 3


def test_a_message_shows_no_control_characters() -> None:
    tree = cdes.tree()
    tree["groups"][0]["variables"][0] = {"code": "\x1b]0;x\x07", "label": "x"}
    assert refused(cdes.content(tree)).isprintable()


# -- escapes


@pytest.mark.parametrize(
    ("stands", "means"),
    [
        (r"A\u03b2", "Aβ"),
        (r"\u03b2\u03c4", "βτ"),
        (r"\u03B2", r"\u03B2"),
        (r"\u00fc", "ü"),
        (r"\ud83e\udde0", "\U0001f9e0"),
        (r"\ud83e", r"\ud83e"),
        (r"\udde0\ud83e", r"\udde0\ud83e"),
        (r"\u0000\u001b", r"\u0000\u001b"),
        (r"\u03b", r"\u03b"),
        (r"line\nnext", r"line\nnext"),
    ],
)
def test_escapes_inside_strings_are_repaired_when_loaded(stands: str, means: str) -> None:
    found = read(variables=[variable("a", description=stands)], label=stands)
    assert found.label == means
    assert found.variables[1].source["description"] == means


def test_keys_are_not_repaired() -> None:
    assert r"\u03b2" in read(variables=[variable("a", **{r"\u03b2": 1})]).variables[1].source


def test_escapes_alone_do_not_rewrite_a_file() -> None:
    content = cdes.content(datasets=["edsd"], label=r"A\u03b2")
    assert edit(parse(content, pathology="p"), ["edsd"]).content == content


def test_a_file_that_is_rewritten_is_rid_of_escapes() -> None:
    content = cdes.content(datasets=["edsd"], label=r"A\u03b2")
    rewritten = edit(parse(content, pathology="p"), ["ppmi"]).content
    assert json.loads(rewritten)["label"] == "Aβ"
    assert "Aβ".encode() in rewritten


def test_codes_that_become_the_same_by_repair_are_refused() -> None:
    tree = cdes.tree(variables=[variable("β"), variable(r"\u03b2")])
    assert "already" in refused(cdes.content(tree))


# -- the edit


def test_a_cde_that_needs_no_edit_is_the_same_object() -> None:
    found = read(datasets=["edsd", "ppmi"])
    assert edit(found, ["ppmi", "edsd"]) is found
    assert edit(found, ["edsd", "ppmi"], {"edsd": "EDSD", "other": "x"}) is found


def test_one_that_stays_keeps_place_label_and_unknown_keys() -> None:
    entry = {"note": "n", "label": "My label", "code": "edsd", "more": [1]}
    found = read(datasets=["ppmi", entry, "adni"])
    edited = json.loads(edit(found, ["adni", "edsd"]).content)
    assert edited["variables"][0]["enumerations"] == [entry, {"code": "adni", "label": "ADNI"}]
    assert list(edited["variables"][0]["enumerations"][0]) == list(entry)


def test_new_ones_come_at_the_end_in_capitals() -> None:
    edited = edit(read(datasets=["edsd"]), ["zz-top", "edsd", "aa"])
    assert edited.datasets == (("edsd", "EDSD"), ("zz-top", "ZZ-TOP"), ("aa", "AA"))


def test_labels_go_before_what_is_there_and_before_capitals() -> None:
    labels = {"edsd": "The EDSD", "new": "A new one"}
    edited = edit(read(datasets=["edsd"]), ["edsd", "new"], labels)
    assert edited.datasets == (("edsd", "The EDSD"), ("new", "A new one"))


def test_a_dataset_listed_twice_is_listed_once() -> None:
    found = read(datasets=["edsd", {"code": "edsd", "label": "again"}])
    assert edit(found, ["edsd", "edsd"]).datasets == (("edsd", "EDSD"),)


def test_no_dataset_leaves_an_empty_enumeration() -> None:
    edited = edit(read(datasets=["edsd"]), [])
    assert edited.datasets == ()
    assert parse(edited.content, pathology="p").datasets == ()


def test_an_enumeration_that_is_missing_is_made() -> None:
    tree = cdes.tree()
    tree["variables"][0] = {**variable("dataset"), "x": 1}
    edited = edit(read(tree), ["edsd"])
    assert edited.datasets == (("edsd", "EDSD"),)
    assert list(edited.tree["variables"][0])[-2:] == ["x", "enumerations"]


def test_an_edit_is_written_with_two_spaces_own_characters_and_a_newline() -> None:
    edited = edit(read(label="Démence β"), ["edsd"]).content
    text = edited.decode()
    assert text.startswith('{\n  "variables": [\n    {\n      "isCategorical": true,\n')
    assert '"label": "Démence β"\n}\n' in text
    assert text.endswith("}\n")


def test_what_was_read_is_not_changed_by_an_edit() -> None:
    found = read(datasets=["edsd"])
    before = json.dumps(found.tree)
    edit(found, ["ppmi"])
    assert json.dumps(found.tree) == before
    assert found.datasets == (("edsd", "EDSD"),)


def test_an_edited_cde_says_what_its_bytes_say() -> None:
    edited = edit(read(datasets=["edsd"]), ["ppmi", "edsd"])
    again = parse(edited.content, pathology="dementia")
    assert again.variables == edited.variables
    assert again.tree == edited.tree
    assert again.sha256 == edited.sha256 != read(datasets=["edsd"]).sha256


# -- the digest of the rules


def digest(**asked: Any) -> str:
    return rules_digest(read(**asked), subjectcode=False)


def test_datasets_labels_and_words_do_not_change_the_rules() -> None:
    base = digest(variables=[variable("a", "int", min=1)])
    assert base == digest(datasets=["edsd"], variables=[variable("a", "int", min=1)])
    other = variable("a", "INT", label="A!", min=1, description="d", type="integer")
    assert base == digest(label="other", variables=[other])


@pytest.mark.parametrize(
    "other",
    [
        variable("b", "int", min=1),
        variable("a", "real", min=1),
        variable("a", "int"),
        variable("a", "int", min="1"),
        variable("a", "int", minValue=1),
        variable("a", "int", min=1, enumerations=["1"]),
    ],
)
def test_whatever_a_file_is_judged_by_changes_the_rules(other: dict[str, Any]) -> None:
    assert digest(variables=[variable("a", "int", min=1)]) != digest(variables=[other])


def test_the_rules_depend_on_enumerations_subjectcode_longitudinal_and_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visits = [variable("subjectid"), variable("visitid")]
    found = read(variables=[*visits, variable("a", enumerations=["x"])])
    digests = {
        rules_digest(found, subjectcode=False),
        rules_digest(found, subjectcode=True),
        digest(variables=[*visits, variable("a", enumerations=["y"])]),
        digest(variables=[*visits, variable("a", enumerations=["x"])], longitudinal=True),
    }
    monkeypatch.setattr(cde, "RULES_VERSION", cde.RULES_VERSION + 1)
    digests.add(rules_digest(found, subjectcode=False))
    assert len(digests) == 5


# -- real files


@pytest.mark.parametrize("pathology", ["dementia", "tbi"])
def test_real_files_are_read_and_left_alone(shared: Path, pathology: str) -> None:
    content = (shared / "data" / pathology / cde.CDE_FILE).read_bytes()
    found = parse(content, pathology=pathology)
    assert edit(found, [code for code, _ in found.datasets]).content == content


def test_thousands_of_variables_arrive_whole() -> None:
    found = read(cdes.many(5000))
    assert len(found.variables) == 5002
    assert len(parse(edit(found, ["edsd"]).content, pathology="p").variables) == 5002


@pytest.mark.parametrize(("code", "text"), [(0, "0"), (17, "17"), (-1, "-1"), (1.5, "1.5")])
def test_a_number_in_an_enumeration_means_its_text_and_stays_in_the_file(code, text):
    entries = [{"code": code, "label": 2}, {"code": "b", "label": "B"}]
    tree = cdes.tree(variables=[cdes.variable("x", enumerations=entries)], datasets=[5, "b"])
    tree["variables"][0]["enumerations"][0] = {"code": 5, "label": 5}
    found = parse(cdes.content(tree), pathology="dementia")
    assert found.variables[1].enumerations == ((text, "2"), ("b", "B"))
    assert found.datasets == (("5", "5"), ("b", "B"))
    assert edit(found, ["5", "b"]) is found
    edited = edit(found, ["b", "5", "7"])
    assert edited.datasets == (("5", "5"), ("b", "B"), ("7", "7"))
    assert json.loads(edited.content)["variables"][0]["enumerations"][0] == {"code": 5, "label": 5}
    assert json.loads(edited.content)["variables"][1]["enumerations"] == entries


def test_all_mistakes_are_found_in_one_run():
    tree = cdes.tree(longitudinal="yes", version=1)
    age, gender = tree["groups"][0]["variables"]
    age["sql_type"], gender["isCategorical"] = "date", "no"
    gender["enumerations"].append("x")
    del tree["groups"][0]["groups"][0]["label"]
    tree["groups"].append(None)
    tree["groups"].append({"code": "more", "label": "", "variables": {}})
    with pytest.raises(CdeInvalid) as raised:
        parse(cdes.content(tree), pathology="dementia")
    found = [(mistake.where, mistake.message) for mistake in raised.value.mistakes]
    assert sorted(found) == [
        ("at groups[0].groups[0] ('brain')", "a group lacks 'label'"),
        (
            "at groups[0].variables[0].sql_type ('age')",
            "its sql_type is none of text, real and int",
        ),
        ("at groups[0].variables[1] ('gender')", "its isCategorical is not true or false"),
        (
            "at groups[0].variables[1].enumerations[2] ('gender')",
            "an entry of an enumeration is not an object",
        ),
        ("at groups[1]", "a group is not an object"),
        ("at groups[2].variables ('more')", "it is not a list"),
        ("at longitudinal", "it is not true or false"),
        ("at version", "it is not a string"),
    ]
    assert "(7 more mistakes)" in str(raised.value)
    problems = raised.value.problems()
    assert {problem.rule for problem in problems} == {"CdeInvalid"}
    assert len(problems) == 8


def test_of_very_many_mistakes_the_rest_is_counted():
    variables = [cdes.variable(f"v{number}", "date") for number in range(200)]
    with pytest.raises(CdeInvalid) as raised:
        parse(cdes.content(variables=variables), pathology="dementia")
    *named, rest = raised.value.problems()
    assert (len(named), rest.count, rest.about) == (50, 150, "more mistakes")
