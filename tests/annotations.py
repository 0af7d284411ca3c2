"""Shapes in annotations, checked at every call that differs from those before in what annotations can see."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from functools import cache, partial, update_wrapper, wraps
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import torch
from jaxtyping import jaxtyped

PASSED: dict[CodeType, dict[Hashable, set[Hashable]]] = {}
"""Of each function the arguments and what it returned for them, as annotations see both."""


def jaxtyped_once(function: Any = None, *, typechecker: Any) -> Any:
    """`jaxtyped`, without its check where it passed: a training calls a function a thousand times alike."""
    if function is None:
        return partial(jaxtyped_once, typechecker=typechecker)
    if inspect.isclass(function) and "__init__" in vars(function) and hasattr(function, "__dataclass_fields__"):
        function.__init__ = jaxtyped_once(function.__init__, typechecker=typechecker)
    if not inspect.isfunction(function):
        return function
    passed = PASSED.setdefault(function.__code__, {})
    strict = cache(partial(jaxtyped, function, typechecker=typechecker))

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        given = describe(arguments), describe(named)
        returned = passed.get(given)
        result = (function if returned else strict())(*arguments, **named)
        seen = describe(result)
        if returned and seen in returned:
            return result
        if returned:
            jaxtyped(giving(function, result), typechecker=typechecker)(*arguments, **named)
        passed.setdefault(given, set()).add(seen)
        return result

    return checked


def giving(function: Callable[..., Any], result: Any) -> Callable[..., Any]:
    """A function of the same annotations that has this result."""
    constant = lambda *_, **__: result  # noqa: E731
    return update_wrapper(FunctionType(constant.__code__, function.__globals__, closure=constant.__closure__), function)


def describe(value: Any) -> Hashable:
    """What annotations see of a value: its type, of arrays also shape and numbers, of collections all that is in them;
    of numbers no more than the type, of texts, which may be literals, all."""
    kind = type(value)
    match sort_of(kind):
        case "array":
            return kind, value.shape, value.dtype
        case "text":
            return value
        case "many":
            return kind, *map(describe, value)
        case "mapping":
            return kind, *((name, describe(one)) for name, one in value.items())
    return kind


@cache
def sort_of(kind: type) -> str:
    """How values of a type are described; kept, since the question takes longer than most answers."""
    sorts = {"array": (torch.Tensor, np.ndarray), "many": (tuple, list, set, frozenset), "mapping": (Mapping,)}
    return "text" if kind is str else next((name for name, kinds in sorts.items() if issubclass(kind, kinds)), "other")
