"""The error tree is as its module draws it."""

import re

from app.basics import errors

LINE = re.compile(r"[│├└─ ]*[├└]── (?P<name>\w+) *(?P<status>\d{3})?  ")


def test_the_tree_of_the_docstring_is_that_of_the_classes() -> None:
    """Every error class stands in the docstring under its parent with its status, and nothing else does."""
    drawn = [found for line in (errors.__doc__ or "").splitlines() if (found := LINE.match(line))]
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert {found["name"] for found in drawn} == set(classes)
    for found in drawn:
        one = classes[found["name"]]
        assert found["status"] == (str(one.status) if issubclass(one, errors.OnestopError) else None)
        depth = found[0].index(found["name"]) // 4 - 2
        assert one.__mro__.index(Exception) == depth + 1, found["name"]
