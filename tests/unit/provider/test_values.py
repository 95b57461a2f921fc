"""Resource properties on their way from and to the engine."""

import math
from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime import rpc

from provider.values import UNKNOWN, has_unknown, plain, struct
from tests.unit.provider.provider_calls import properties, secret

OUTPUT = {rpc._special_sig_key: rpc._special_output_value_sig}
# A number in Pulumi is a double: beyond 2^53 a whole number is not exact.
EXACT = st.integers(-(2**53), 2**53)
SCALARS = st.none() | st.booleans() | EXACT | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), st.booleans())
def test_values_come_back_as_they_went(values: dict[str, Any], hidden: bool) -> None:
    assert plain(struct(values, secrets=list(values) if hidden else ())) == values


def test_whole_numbers_come_back_as_whole_numbers() -> None:
    back = plain(properties({"port": 2379.0, "ratio": 0.5, "large": float(2**53)}))
    kinds = {key: (value, type(value)) for key, value in back.items()}
    assert kinds == {"port": (2379, int), "ratio": (0.5, float), "large": (2**53, int)}


def test_a_number_that_is_none_stays_a_number() -> None:
    assert math.isinf(plain(properties({"x": math.inf}))["x"])


def test_named_outputs_are_marked_as_secrets_and_no_others() -> None:
    made = struct({"keys": {"server": "key"}, "leafs": {"server": "leaf"}}, secrets={"keys", "missing"})
    marked = {
        key: value.struct_value.fields[rpc._special_sig_key].string_value == rpc._special_secret_sig
        for key, value in made.fields.items()
    }
    assert marked == {"keys": True, "leafs": False}


def test_secrets_are_opened_at_any_depth() -> None:
    given_properties = properties(
        {"connection": secret({"host": "h", "private_key": secret("key")}), "list": [secret(1)]}
    )
    assert plain(given_properties) == {"connection": {"host": "h", "private_key": "key"}, "list": [1]}


def test_an_unknown_is_known_as_one_in_each_of_its_forms() -> None:
    back = plain(
        properties(
            {"plain": rpc.UNKNOWN, "output": OUTPUT, "secret": secret(rpc.UNKNOWN), "known": {**OUTPUT, "value": 1}}
        )
    )
    assert back == {"plain": UNKNOWN, "output": UNKNOWN, "secret": UNKNOWN, "known": 1}


@pytest.mark.parametrize("value", [UNKNOWN, {"a": [1, {"b": UNKNOWN}]}, (UNKNOWN,)])
def test_an_unknown_is_found_at_any_depth(value: Any) -> None:
    assert has_unknown(value)


@pytest.mark.parametrize("value", [{}, [], None, "text", {"a": [1, {"b": rpc.UNKNOWN}]}])
def test_nothing_else_is_unknown(value: Any) -> None:
    assert not has_unknown(value)


def test_a_value_that_pulumi_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError, match="a resource property cannot be a bytes"):
        struct({"key": b"bytes"}, secrets=())


def test_nothing_is_nothing() -> None:
    assert plain(struct_pb2.Struct()) == {}
