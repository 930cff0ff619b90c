"""Any value of a type: what a hypothesis strategy makes of a type that msgspec knows."""

from __future__ import annotations

from typing import Any

import msgspec.inspect as types
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)


def values(of: Any) -> st.SearchStrategy[Any]:
    """Values of the type ``of``; keys that may be left out are, now and then."""
    return _values(types.type_info(of))


def _values(info: types.Type) -> st.SearchStrategy[Any]:
    match info:
        case types.Metadata():
            return _values(info.type)
        case types.StructType() | types.DataclassType():
            return _struct(info)
        case types.UnionType():
            return st.one_of([_values(each) for each in info.types])
        case types.ListType() | types.VarTupleType():
            least = info.min_length or 0
            most = info.max_length or least + 2
            made = st.lists(_values(info.item_type), min_size=least, max_size=most)
            return made.map(tuple) if isinstance(info, types.VarTupleType) else made
        case types.TupleType():
            return st.tuples(*map(_values, info.item_types))
        case types.DictType():
            return st.dictionaries(_values(info.key_type), _values(info.value_type), max_size=2)
        case types.LiteralType():
            return st.sampled_from(info.values)
    return _scalar(info)


def _scalar(info: types.Type) -> st.SearchStrategy[Any]:
    match info:
        case types.StrType(pattern=str(pattern)):
            ascii_ = st.characters(max_codepoint=127)
            return st.from_regex(pattern, fullmatch=True, alphabet=ascii_)
        case types.StrType():
            chars = st.characters(exclude_categories=["Cs"])
            return st.text(chars, min_size=info.min_length or 0, max_size=8)
        case types.IntType():
            return st.integers(-(2**53) if info.ge is None else info.ge, info.le or 2**53)
        case types.FloatType():
            return st.floats(info.ge, allow_nan=False, allow_infinity=False)
        case types.BoolType():
            return st.booleans()
        case types.NoneType():
            return st.none()
        case types.AnyType():
            return JSON
    raise TypeError(info)


def _struct(info: types.StructType | types.DataclassType) -> st.SearchStrategy[Any]:
    required = {one.name: _values(one.type) for one in info.fields if one.required}
    optional = {one.name: _values(one.type) for one in info.fields if not one.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda all_: info.cls(**all_))
