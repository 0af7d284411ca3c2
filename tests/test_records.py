"""Records and plain data: a round trip, and strict names and kinds."""

from dataclasses import dataclass, field

import pytest

from sciencegen.errors import ConfigError
from sciencegen.records import to_plain, to_record


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    sizes: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError("rate is negative")


@dataclass(frozen=True)
class Outer:
    steps: int = 3
    inner: Inner = field(default_factory=Inner)
    fast: bool = False


def test_a_record_comes_back_from_its_plain_data():
    record = Outer(5, Inner(0.25, (4,)), True)
    assert to_plain(record) == {"steps": 5, "inner": {"rate": 0.25, "sizes": [4]}, "fast": True}
    assert to_record(Outer, to_plain(record), "x") == record


def test_numbers_are_read_as_yaml_writes_them():
    assert to_record(Inner, {"rate": "1e-4"}, "x").rate == 1e-4
    assert isinstance(to_record(Inner, {"rate": 2}, "x").rate, float)


def test_nested_fields_that_are_not_given_are_those_of_the_base():
    base = Outer(5, Inner(0.25, (4,)), True)
    assert to_record(Outer, {"inner": {"rate": 1}}, "x", base) == Outer(5, Inner(1.0, (4,)), True)
    assert to_record(Outer, {"inner": {"rate": 1}}, "x") == Outer(3, Inner(1.0, (1, 2)))
    with pytest.raises(ConfigError, match=r"x\.inner: rate is negative"):
        to_record(Outer, {"inner": {"rate": -1}}, "x", base)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"stesp": 1}, "steps"),
        ({"steps": True}, "Expected int for x.steps, got True"),
        ({"steps": 1.5}, "Expected int for x.steps"),
        ({"inner": {"rate": "fast"}}, "Expected float for x.inner.rate"),
        ({"inner": {"rate": -1.0}}, "x.inner: rate is negative"),
    ],
)
def test_another_name_or_kind_is_an_error_that_names_its_place(values, said):
    with pytest.raises(ConfigError, match=said):
        to_record(Outer, values, "x")
