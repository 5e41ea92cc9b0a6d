import dataclasses
import re
from itertools import pairwise

import pytest

from uncork.settings import Settings, declarations

each_declaration = pytest.mark.parametrize(
    "declaration", declarations(), ids=lambda each: each.name
)


def test_there_is_one_declaration_for_each_field():
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert [declaration.field for declaration in declarations()] == fields


@pytest.mark.parametrize("attribute", ["field", "name", "flag", "variable"])
def test_no_two_settings_share_a_name(attribute):
    names = [getattr(declaration, attribute) for declaration in declarations()]
    assert len(names) == len(set(names))


def test_no_variable_sets_two_settings():
    names = [name for each in declarations() for name in (each.variable, *each.also)]
    assert len(names) == len(set(names))


@each_declaration
def test_the_names_of_a_setting_follow_from_its_key(declaration):
    assert declaration.flag == "--" + declaration.name.replace("_", "-")
    assert declaration.variable == "UNCORK_" + declaration.name.upper()


@each_declaration
def test_a_paragraph_is_made_of_sentences(declaration):
    assert re.fullmatch(r"[A-Z].*\.", declaration.paragraph)
    assert "  " not in declaration.paragraph


@each_declaration
def test_a_summary_is_the_first_sentence(declaration):
    assert declaration.paragraph.startswith(declaration.summary + ".")
    assert declaration.summary.count("`") % 2 == 0


def test_settings_of_one_group_stand_together():
    groups = [declaration.group for declaration in declarations()]
    assert len(set(groups)) == 1 + sum(a != b for a, b in pairwise(groups))


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threads = 1
