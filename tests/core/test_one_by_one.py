"""What episodes that are run one after the other have in common, and for how long."""

from polytask.core.one_by_one import held, one_by_one


def test_each_owner_has_its_own_for_as_long_as_the_block():
    first, second = object(), object()
    with one_by_one():
        made = held(first, list)
        assert held(first, list) is made
        assert held(second, list) is not made
        with one_by_one():
            assert held(first, list) is not made
        assert held(first, list) is made
    with one_by_one():
        assert held(first, list) is not made


def test_outside_of_a_block_it_is_made_anew():
    owner = object()
    assert held(owner, list) is not held(owner, list)
