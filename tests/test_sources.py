"""Every rule, given the gradient from every source, against the oracle: per id, bags of each kind, several entries."""

import numpy as np
import pytest
import reference
from finevec import Parameter
from helpers import RULES, update
from test_optim import OPTIMIZERS, OPTIONS

ROWS, DIM, PADDING = 12, 5, 3
OFFSETS = [0, 4, 4, 5, 20]


def per_id(rng):
    return {"ids": rng.integers(0, ROWS, 20), "grad": rng.standard_normal((20, DIM))}


def two_dimensional(rng):
    return {"ids": rng.integers(0, ROWS, (4, 5)), "grad": rng.standard_normal((4, 5, DIM))}


def bags(mode):
    def make(rng):
        ids = rng.integers(0, ROWS, 20)
        ids[4] = PADDING  # a bag of padding alone
        return {"ids": ids, "grad": rng.standard_normal((4, DIM)), "offsets": OFFSETS, "mode": mode}

    return make


def equal_bags(mode):
    return lambda rng: {"ids": rng.integers(0, ROWS, (4, 5)), "grad": rng.standard_normal((4, DIM)), "mode": mode}


def weighted_sum(rng):
    return {**bags("sum")(rng), "per_sample_weights": rng.standard_normal(20)}


def torch_offsets(rng):
    return {**bags("mean")(rng), "offsets": OFFSETS[:-1], "include_last_offset": False}


def by_frequency(make):
    return lambda rng: {**make(rng), "scale_grad_by_freq": True}


ONE_CALL = {
    "per id": [per_id],
    "2-D ids": [two_dimensional],
    "sum": [bags("sum")],
    "mean": [bags("mean")],
    "max": [bags("max")],
    "2-D sum": [equal_bags("sum")],
    "2-D mean": [equal_bags("mean")],
    "2-D max": [equal_bags("max")],
    "weighted sum": [weighted_sum],
    "mean, torch's offsets": [torch_offsets],
}
SOURCES = {
    **ONE_CALL,
    "per id, by frequency": [by_frequency(per_id)],
    "mean, by frequency": [by_frequency(bags("mean"))],
    "weighted sum, by frequency": [by_frequency(weighted_sum)],
    "several": [per_id, bags("sum"), bags("max"), by_frequency(per_id), weighted_sum, bags("mean"), two_dimensional],
    "the same ids again": [bags("mean")] * 3,
}
STEPS = 3


def assert_agree(weight, state, wanted, wanted_state):
    np.testing.assert_allclose(weight, wanted, rtol=1e-10, atol=1e-11)
    for name, array in state.items():
        np.testing.assert_allclose(array, wanted_state[name], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("padding", [None, PADDING])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rule", RULES)
def test_optimizers(rule, source, padding):
    rng = np.random.default_rng(17)
    weight = rng.standard_normal((ROWS, DIM))
    param, state = Parameter(weight.copy(), padding_idx=padding), reference.new_state(rule, weight)
    opt = OPTIMIZERS[rule]([param], **OPTIONS[rule])
    for step in range(1, STEPS + 1):
        calls = [make(rng) for make in SOURCES[source]]
        opt.zero_grad()
        for call in calls:
            param.add_rows(**call)
        opt.step()
        rows = reference.gradient(weight, [reference.Entry(**call) for call in calls], padding).total
        options = {**OPTIONS[rule], "step": step} if rule == "adam" else OPTIONS[rule]
        weight, state = reference.update(rule, weight, state, rows, padding_idx=padding, **options)
        got = {name: array for name, array in opt.state_dict()["state"][0].items() if name != "step"}
        assert_agree(param.data, got, weight, state)


@pytest.mark.parametrize("padding", [None, PADDING])
@pytest.mark.parametrize("source", ONE_CALL)
@pytest.mark.parametrize("rule", RULES)
def test_functions(rule, source, padding):
    rng = np.random.default_rng(18)
    start = rng.standard_normal((ROWS, DIM))
    weight, state = start.copy(), reference.new_state(rule, start)
    wanted, wanted_state = start, reference.new_state(rule, start)
    for step in range(1, STEPS + 1):
        call = ONE_CALL[source][0](rng)
        options = {**OPTIONS[rule], "padding_idx": padding}
        if rule == "adam":
            options["step"] = step
        rows = reference.gradient(wanted, [reference.Entry(**call)], padding).total
        wanted, wanted_state = reference.update(rule, wanted, wanted_state, rows, **options)
        update(rule, weight, state, call.pop("ids"), call.pop("grad"), **call, **options)
        assert_agree(weight, state, wanted, wanted_state)
