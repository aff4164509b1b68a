"""A step that is refused has changed nothing, whichever parameter it is refused for."""

import pickle

import numpy as np
import pytest
from finevec import Parameter, optim
from helpers import RULES, Unchanged
from numpy.testing import assert_array_equal
from test_optim import OPTIMIZERS, feed, param


@pytest.mark.parametrize("rule", RULES)
def test_when_one_parameter_cannot_move_none_does(rule):
    first, second = param(8, 3), param(8, 3, seed=1)
    opt = OPTIMIZERS[rule]([first, second], lr=0.1)
    rng = np.random.default_rng(0)
    feed(first, rng)
    feed(second, rng)
    second.data.flags.writeable = False
    before = first.data.copy()
    with pytest.raises(ValueError, match=r"param_groups\[0\]: .* is read-only, so it cannot be trained"):
        opt.step()
    assert_array_equal(first.data, before)
    assert (opt.steps, opt.state_dict()["state"]) == (0, {})
    second.data.flags.writeable = True
    opt.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match=r"param_groups\[0\]: lr must not be negative"):
        opt.step()
    assert_array_equal(first.data, before)


def refuse_hyper(name, value):
    return lambda opt, param: opt.param_groups[1].update({name: value})


@pytest.mark.parametrize(
    ("spoil", "error", "text"),
    [
        (lambda opt, p: setattr(p, "grad_scale", np.nan), ValueError, "grad_scale must be finite"),
        (lambda opt, p: setattr(p, "row_lr", [-1.0] * 8), ValueError, "row_lr must be finite and not negative"),
        (lambda opt, p: setattr(p, "max_norm", -1.0), ValueError, "max_norm must be above 0"),
        (lambda opt, p: p.add_rows([1], p.data[1:2]), ValueError, "grad shares memory"),
        (lambda opt, p: setattr(p, "grad", p.data), ValueError, "grad shares memory"),
        (lambda opt, p: setattr(p, "grad", np.zeros((8, 3))), TypeError, "must have the parameter's dtype"),
        (lambda opt, p: setattr(p.data.flags, "writeable", False), ValueError, "is read-only, so it cannot be trained"),
        (refuse_hyper("lr", np.nan), ValueError, "lr must be finite, got nan"),
        (refuse_hyper("lr", 1e39), ValueError, r"param_groups\[1\]: lr must be finite in float32"),
        (refuse_hyper("weight_decay", 1e39), ValueError, r"param_groups\[1\]: weight_decay must be finite in float32"),
        (refuse_hyper("freeze_steps", -1), ValueError, "freeze_steps must be at least 0"),
        (refuse_hyper("rule", "adamw"), ValueError, "rule must be one of"),
        (refuse_hyper("step", 1), ValueError, "unknown key 'step'"),
    ],
)
@pytest.mark.parametrize("rule", RULES)
def test_what_the_second_parameter_is_refused_for_leaves_the_first_as_it_was(rule, spoil, error, text):
    """Whether the refusal comes when something is set or in the step: nothing was changed, and one step comes after."""
    params = [Parameter(np.ones((8, 3), np.float32)) for _ in range(2)]
    opt = OPTIMIZERS[rule]([{"params": p} for p in params], lr=0.1)
    for p in params:
        p.add_rows([1, 2], np.ones((2, 3), np.float32))

    def spoil_and_step():
        spoil(opt, params[1])
        opt.step()

    with Unchanged(*(p.data for p in params)), pytest.raises(error, match=text):
        spoil_and_step()
    assert (opt.steps, opt.state_dict()["state"]) == (0, {})
    params[1].data.flags.writeable = True
    opt.param_groups[1] = {**opt.param_groups[0], "params": [params[1]]}
    opt.step()
    assert opt.steps == 1
    assert [state["step"] for state in opt.state_dict()["state"].values()] == [1, 1]
    alone = Parameter(np.ones((8, 3), np.float32))
    alone.add_rows([1, 2], np.ones((2, 3), np.float32))
    OPTIMIZERS[rule]([alone], lr=0.1).step()
    for p in params:
        assert_array_equal(p.data, alone.data)


def test_an_lr_that_bias_correction_makes_infinite_is_refused_before_anything_moves():
    first, second = param(8, 3), Parameter(np.ones((8, 3), np.float32))
    opt = optim.Adam([{"params": first}, {"params": second}])
    feed(first, np.random.default_rng(0))
    second.add_grad(np.ones((8, 3), np.float32))
    opt.param_groups[1]["lr"] = 1e38
    with Unchanged(first.data, second.data), pytest.raises(ValueError, match=r"lr / \(1 - betas\[0\]\) must be finite"):
        opt.step()
    assert opt.state_dict()["state"] == {}


def test_rows_that_overlap_are_looked_up_but_not_trained():
    first = param(8, 3)
    second = Parameter(np.lib.stride_tricks.as_strided(np.zeros(10), (8, 3), (8, 8)))
    opt = optim.SGD([first, second])
    feed(first, np.random.default_rng(0))
    second.add_rows([1], np.ones((1, 3)))
    with Unchanged(first.data), pytest.raises(ValueError, match=r"param_groups\[0\]: the rows of .* overlap"):
        opt.step()


def test_state_in_read_only_memory_is_refused_before_anything_moves():
    """As some ways of handing objects to other processes give it: pickle with buffers apart."""
    params = [param(8, 3), param(8, 3, seed=1)]
    opt = optim.Adagrad(params)
    for p in params:
        feed(p, np.random.default_rng(0))
    opt.step()
    buffers = []
    pickled = pickle.dumps(opt, protocol=5, buffer_callback=buffers.append)
    memory = [bytearray(buffer) for buffer in buffers]
    memory[-1] = bytes(memory[-1])
    other = pickle.loads(pickled, buffers=memory)
    others = other.param_groups[0]["params"]
    for p in others:
        feed(p, np.random.default_rng(1))
    with Unchanged(*(p.data for p in others)), pytest.raises(ValueError, match=r"state_sum of .* is read-only"):
        other.step()
    assert [state["step"] for state in other.state_dict()["state"].values()] == [1, 1]
