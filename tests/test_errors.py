"""What is said of a name that isn't known."""

import pytest

from sciencegen.errors import UnknownNameError, nearest_names, unknown_name

KNOWN = ["qed", "logp", "rotatable_bonds", "pmo:a", "pmo:b", "pmo:c", "alone:x"]


@pytest.mark.parametrize("written", ["QED", "Rotatable Bonds", "rotatable-bonds", "LogP"])
def test_capitals_spaces_and_dashes_are_no_other_name(written):
    (first, *_) = nearest_names(written, KNOWN)
    assert first == written.lower().replace(" ", "_").replace("-", "_")


def test_a_family_of_names_is_told_by_its_number():
    error = unknown_name("property", "toxicity", KNOWN)
    assert isinstance(error, UnknownNameError)
    assert str(error) == "Unknown property 'toxicity'. Known: alone:x, logp, qed, rotatable_bonds, pmo:... (3)."


def test_a_name_of_another_type_is_unknown_too():
    assert str(unknown_name("recipe", 3, ["joint"])) == "Unknown recipe '3'. Known: joint."
