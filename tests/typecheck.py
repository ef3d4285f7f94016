"""How signatures are checked while tests run: as type checkers do, an int will do for a float.

`jaxtyped` stands in for jaxtyping's decorator, with the same checks for a fraction of the time. jaxtyping binds
the arguments of every call to the signature, checks arrays among them twice, and compiles two functions for each
that it decorates. Here a function is compiled when it is first called, arguments are checked once, and only
signatures with arrays open a context for the letters of their shapes.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, TypeCheckError, config

check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeCheckError))
original = jaxtyping.jaxtyped


def jaxtyped(thing: Any = None, *, typechecker: object = None) -> Any:
    """Decorate a function, a property or a data class, as jaxtyping's import hook asks for it."""
    if thing is None:
        return jaxtyped
    if isinstance(thing, type):
        if is_dataclass(thing) and not hasattr(thing.__init__, "checked"):
            thing.__init__ = _checking(thing.__init__)
        return thing
    if isinstance(thing, (classmethod, staticmethod)):
        return type(thing)(_checking(thing.__func__))
    if isinstance(thing, property):
        return property(*(each and _checking(each) for each in (thing.fget, thing.fset, thing.fdel)))
    return _checking(thing)


def _checking(function: Any) -> Any:
    checked: Callable[..., Any] | None = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        nonlocal checked
        if config.jaxtyping_disable or _is_tracing():
            return function(*args, **kwargs)
        if checked is None:
            checked = _compiled(function)
        return checked(*args, **kwargs)

    call.checked = True
    return call


def _is_tracing() -> bool:
    """Whether a network is being traced: of a list of tensors one is looked at by chance, and would be in the trace."""
    jit = sys.modules.get("torch.jit")  # which may be in the middle of its import
    return bool(getattr(jit, "is_tracing", bool)())


def _compiled(function: types.FunctionType) -> Callable[..., Any]:
    """The function with its checks; annotations that are there for type checkers only are left out."""
    hints = {name: _hint(given, function.__globals__) for name, given in function.__annotations__.items()}
    shapes = [shape for hint in hints.values() for shape in _shapes(hint)]
    # beartype alone looks at a generator's arguments only when its first item is asked for; and only jaxtyping
    # knows lengths that an argument says.
    if inspect.isgeneratorfunction(function) or any("{" in shape for shape in shapes):
        return original(function, typechecker=check)
    copy = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__, copy.__qualname__, copy.__module__ = (
        function.__kwdefaults__,
        function.__qualname__,
        function.__module__,
    )
    copy.__annotations__ = hints
    checked = check(copy)
    if not shapes:
        return checked

    def in_context(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with original("context"):
            return checked(*args, **kwargs)

    return in_context


def _hint(annotation: object, names: dict[str, Any]) -> Any:
    def stub() -> None: ...

    stub.__annotations__ = {"it": annotation}
    try:
        return typing.get_type_hints(stub, names, include_extras=True)["it"]
    except Exception:
        return Any


def _shapes(hint: Any) -> list[str]:
    """Of all arrays in it."""
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return [hint.dim_str]
    return [shape for part in typing.get_args(hint) for shape in _shapes(part)]
