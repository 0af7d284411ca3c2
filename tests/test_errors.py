"""What is said of a name that isn't known."""

import pytest

from sciencegen.errors import (
    ConfigError,
    DataError,
    IncompatibleError,
    UnknownNameError,
    converted,
    nearest_names,
    unknown_name,
)

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


@pytest.mark.parametrize("error", [MemoryError("3 TiB"), KeyError("a"), AttributeError("x")])
def test_whatever_foreign_code_raises_is_converted(error):
    with pytest.raises(DataError, match="read as") as raised, converted(lambda one: DataError(f"read as {one!r}")):
        raise error
    assert raised.value.__cause__ is error


def test_own_errors_are_converted_only_where_they_are_named():
    other = lambda error: DataError("another")  # noqa: E731
    with pytest.raises(ConfigError, match="mine"), converted(other):
        raise ConfigError("mine")
    with pytest.raises(DataError, match="another"), converted(other, unchanged=IncompatibleError):
        raise ConfigError("mine")
    with pytest.raises(DataError, match="another"), converted(other, unchanged=()):
        raise DataError("mine")
