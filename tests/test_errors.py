import pickle

import pytest

from stca import errors
from stca.errors import DatasetError, StcaError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def test_the_message_says_what_expected_found_where_and_what_to_do() -> None:
    error = DatasetError(
        "The root is no folder", expected="a folder", found="a file", where="/data", hint="check it"
    )
    assert str(error).splitlines() == [
        "The root is no folder",
        "  expected: a folder",
        "  found:    a file",
        "  where:    /data",
        "  try:      check it",
    ]


def test_parts_that_are_not_given_are_left_out_but_zero_is_given() -> None:
    assert str(StcaError("Nothing works")) == "Nothing works"
    assert str(StcaError("Too few", found=0)) == "Too few\n  found:    0"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_in_the_tree_and_comes_through_a_pickle(kind: type[StcaError]) -> None:
    assert issubclass(kind, StcaError)
    assert kind.__name__ in (errors.__doc__ or "")
    back = pickle.loads(pickle.dumps(kind("what", expected=1, found=(2, 3), where="here", hint="do")))
    assert type(back) is kind
    assert (back.what, back.expected, back.found, back.where, back.hint) == ("what", 1, (2, 3), "here", "do")
    assert str(back) == str(kind("what", expected=1, found=(2, 3), where="here", hint="do"))
