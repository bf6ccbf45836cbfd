"""Values: frozen, by name, camelCase on the wire."""

import pytest

from osteon.model import Value, record_json, replace


class Point(Value):
    """A point."""

    first_axis: int
    second_axis: int = 0


class Deeper(Point):
    """A point with one more."""

    third_axis: int = 0


def test_fields_are_given_by_name() -> None:
    assert Point(first_axis=1) == Point(first_axis=1, second_axis=0)
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_values_do_not_change() -> None:
    point = Deeper(first_axis=1)
    with pytest.raises(AttributeError):
        point.first_axis = 2  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert replace(point, first_axis=2) == Deeper(first_axis=2)


def test_json_names_are_in_camel_case() -> None:
    assert record_json(Point(first_axis=1)) == b'{"firstAxis":1,"secondAxis":0}'
