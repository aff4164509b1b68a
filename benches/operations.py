"""What is timed: each operation by name, and the bytes that it cannot do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cases import Case
from roofline import Part

LR = 0.01
ADAGRAD_EPS = 1e-10
ADAM_EPS = 1e-8
BETAS = (0.9, 0.999)
RHO = 0.9
ADADELTA_EPS = 1e-6

Pooling = Literal["sum", "mean"]
Forward = Literal["rows"] | Pooling
Rule = Literal["SGD", "Adagrad", "row-wise Adagrad", "Adam", "Adadelta"]
FULL_STATES = {"SGD": 0, "Adagrad": 1, "row-wise Adagrad": 0, "Adam": 2, "Adadelta": 2}


@dataclass(frozen=True)
class Operation:
    """A lookup of rows or bags, an update of the rows, or one after the other.

    Nothing timed reads what it looked up: a model would, and finds it in the caches or in memory as the lookup left it.
    """

    name: str
    forward: Forward | None = None
    rule: Rule | None = None

    @property
    def bags(self) -> bool:
        """Whether results and gradients are those of bags."""
        return self.forward in ("sum", "mean")

    def parts(self, case: Case) -> list[Part]:
        """Bytes: ids, offsets and gradients read, results written, each distinct row of weight and state used once."""
        row = 4 * case.dim
        results = row * (case.bags if self.bags else case.count)
        read = 8 * case.count + (8 * (case.bags + 1) if self.bags else 0) + (results if self.rule else 0)
        parts: list[Part] = [("read", read)]
        if self.forward:
            parts.append(("write", results))
        if self.rule is None:
            return [*parts, ("gather", row)]
        parts += [("update", row)] * (1 + FULL_STATES[self.rule])
        if self.rule == "row-wise Adagrad":
            parts.append(("update", 4))
        return parts


OPERATIONS = {
    operation.name: operation
    for operation in [
        Operation("lookup, new array", "rows"),
        Operation("lookup, new array, the last one held", "rows"),
        Operation("lookup, out=", "rows"),
        Operation("bag sum", "sum"),
        Operation("bag mean", "mean"),
        Operation("SGD", None, "SGD"),
        Operation("Adagrad", None, "Adagrad"),
        Operation("row-wise Adagrad", None, "row-wise Adagrad"),
        Operation("Adam", None, "Adam"),
        Operation("Adadelta", None, "Adadelta"),
        Operation("lookup + SGD", "rows", "SGD"),
        Operation("lookup + Adagrad", "rows", "Adagrad"),
        Operation("lookup + row-wise Adagrad", "rows", "row-wise Adagrad"),
        Operation("bag mean + SGD", "mean", "SGD"),
        Operation("bag mean + row-wise Adagrad", "mean", "row-wise Adagrad"),
    ]
}
