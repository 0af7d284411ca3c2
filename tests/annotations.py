"""Shapes in annotations, checked at every call that differs from those before in what annotations can see."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from functools import cache, partial, update_wrapper, wraps
from operator import attrgetter
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
        given = tuple([DESCRIPTIONS[type(one)](one) for one in arguments]), DESCRIPTIONS[dict](named) if named else ()
        returned = passed.get(given)
        result = (function if returned else strict())(*arguments, **named)
        seen = DESCRIPTIONS[type(result)](result)
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


class Descriptions(dict[type, Callable[[Any], Hashable]]):
    """What annotations see of a value, by its type: of arrays also shape and numbers, of collections all that is in
    them; of numbers no more than the type, of texts, which may be literals, all. A call has dozens of values: most are
    described without a Python function."""

    def __missing__(self, kind: type) -> Callable[[Any], Hashable]:
        sorts = {
            (torch.Tensor, np.ndarray): attrgetter("__class__", "shape", "dtype"),
            (tuple, list, set, frozenset): lambda many: (kind, *[self[type(one)](one) for one in many]),
            (Mapping,): lambda named: (kind, *[(name, self[type(one)](one)) for name, one in named.items()]),
        }
        found = (of for kinds, of in sorts.items() if issubclass(kind, kinds))
        self[kind] = str if kind is str else next(found, type)
        return self[kind]


DESCRIPTIONS = Descriptions()
