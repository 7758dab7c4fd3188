"""Formulas over bands, evaluated by walking their syntax tree: nothing but arithmetic can happen.

Allowed: numbers, names of bands, + - * / **, comparisons, parentheses and the functions in FUNCTIONS. An exponent is a
number, or a quotient of numbers. Length, depth and exponents are limited, so that a formula costs no more than its
pixels.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

MAX_LENGTH, MAX_NODES, MAX_DEPTH, MAX_EXPONENT = 1000, 400, 60, 20.0

FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "sqrt": (1, np.sqrt),
    "abs": (1, np.abs),
    "log": (1, np.log),
    "exp": (1, np.exp),
    "minimum": (2, np.minimum),
    "maximum": (2, np.maximum),
    "clip": (3, np.clip),
    "where": (3, np.where),
}
"""Name of each function: how many arguments it takes, and what it does."""

_BINARY = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power}
_UNARY = {ast.USub: np.negative, ast.UAdd: np.positive}
_COMPARE = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


class ExpressionError(ValueError):
    """The formula is not one that can be computed; the message says why."""


@lru_cache(256)
def parse(text: str) -> Expression:
    """The formula, checked. Raises ExpressionError."""
    return Expression(text)


class Expression:
    """A formula that was checked. `names` are the bands it uses, in the order of their first use."""

    def __init__(self, text: str) -> None:
        """Raises ExpressionError."""
        if len(text) > MAX_LENGTH:
            raise ExpressionError(f"it is longer than {MAX_LENGTH} characters")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ExpressionError(f"it cannot be read near character {error.offset}: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError):
            raise ExpressionError("it holds a character that cannot be read, or is nested too deeply") from None
        self.text = text.strip()
        self._names: dict[str, None] = {}
        self._choosing = False
        self._nodes = 0
        self._check(tree, 1)
        self._tree = tree
        self.names = tuple(self._names)
        if not self.names:
            raise ExpressionError("it uses no band")

    @property
    def is_normalized_difference(self) -> bool:
        """True of (x - y) / (x + y): its values lie between -1 and 1 for positive bands."""
        tree = self._tree
        if not (isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div)):
            return False
        above, below = tree.left, tree.right
        return (
            isinstance(above, ast.BinOp)
            and isinstance(above.op, ast.Sub)
            and isinstance(below, ast.BinOp)
            and isinstance(below.op, ast.Add)
            and all(isinstance(side, ast.Name) for side in (above.left, above.right))
            and {ast.dump(above.left), ast.dump(above.right)} == {ast.dump(below.left), ast.dump(below.right)}
        )

    def evaluate(self, bands: Mapping[str, np.ndarray]) -> np.ndarray:
        """The formula's value for arrays of one shape and one floating type, in that type.

        Where a band is NaN or the value is not finite (a division by zero), the result is NaN.
        """
        first = bands[self.names[0]]
        with np.errstate(all="ignore"):
            result = np.asarray(self._value(self._tree, bands, first.dtype.type), dtype=first.dtype)
            if result.shape != first.shape or any(result is band for band in bands.values()):
                result = np.array(np.broadcast_to(result, first.shape))
            invalid = ~np.isfinite(result)
            if self._choosing:  # a comparison with NaN is false, and so hides that there is no data
                for name in self.names:
                    invalid |= np.isnan(bands[name])
        np.copyto(result, np.nan, where=invalid)
        return result

    def _value(self, node: ast.expr, bands: Mapping[str, np.ndarray], number: type) -> Any:
        match node:
            case ast.Constant():
                return number(node.value)
            case ast.Name():
                return bands[node.id]
            case ast.UnaryOp():
                return _UNARY[type(node.op)](self._value(node.operand, bands, number))
            case ast.BinOp(right=ast.Constant(value=2)) if isinstance(node.op, ast.Pow):
                return np.square(self._value(node.left, bands, number))
            case ast.BinOp():
                left, right = self._value(node.left, bands, number), self._value(node.right, bands, number)
                return _BINARY[type(node.op)](left, right)
            case ast.Compare():
                terms = [self._value(term, bands, number) for term in (node.left, *node.comparators)]
                results = [_COMPARE[type(op)](*pair) for op, pair in zip(node.ops, pairwise(terms), strict=True)]
                return np.logical_and.reduce(np.broadcast_arrays(*results))
            case ast.Call(func=ast.Name(id=name)):
                return FUNCTIONS[name][1](*(self._value(argument, bands, number) for argument in node.args))
        raise ExpressionError("it cannot be computed")

    def _check(self, node: ast.AST, depth: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise ExpressionError("it is too long or nested too deeply")
        match node:
            case ast.Constant(value=value) if type(value) in (int, float) and abs(value) < 1e12:
                return
            case ast.Constant(value=value):
                raise ExpressionError(f"{ast.unparse(node)[:40]} is not a number that can be used")
            case ast.Name(id=name):
                self._names.setdefault(name)
                return
            case ast.UnaryOp(op=op) if type(op) in _UNARY:
                children: list[ast.expr] = [node.operand]
            case ast.BinOp(op=ast.Pow()):
                _check_exponent(node.right)
                children = [node.left, node.right]
            case ast.BinOp(op=op) if type(op) in _BINARY:
                children = [node.left, node.right]
            case ast.Compare(ops=ops) if all(type(op) in _COMPARE for op in ops):
                self._choosing = True
                children = [node.left, *node.comparators]
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
                count = FUNCTIONS[name][0]
                if len(node.args) != count:
                    raise ExpressionError(f"{name}() takes {count} value{'s' * (count > 1)}, not {len(node.args)}")
                children = node.args
            case ast.Call(func=ast.Name(id=name)):
                raise ExpressionError(f"there is no function {name}(); there are {', '.join(FUNCTIONS)}")
            case _:
                raise ExpressionError(f"{ast.unparse(node)[:40]!r} is not arithmetic on bands")
        for child in children:
            self._check(child, depth + 1)


def _check_exponent(node: ast.expr) -> None:
    try:
        fits = abs(_number(node)) <= MAX_EXPONENT
    except (TypeError, ArithmeticError):
        fits = False
    if not fits:
        raise ExpressionError(f"the exponent {ast.unparse(node)[:40]!r} is not a number up to {MAX_EXPONENT:g}")


def _number(node: ast.expr) -> float:
    """The value of arithmetic on numbers alone, such as 1/3. Raises TypeError for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return float(_UNARY[type(node.op)](_number(node.operand)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _number(node.left) / _number(node.right)
    raise TypeError
