"""An optimizer's state: saved, loaded, copied, pickled."""

import copy
import pickle

import numpy as np
import pytest
from finevec import Embedding, optim
from helpers import RULES
from numpy.testing import assert_array_equal
from test_optim import OPTIMIZERS, OPTIONS, feed, param


@pytest.mark.parametrize("rule", RULES)
def test_state_dict_round_trip_goes_on_bit_for_bit(rule):
    def make():
        params = [param(8, 5), param(6, 4, seed=1)]
        return params, OPTIMIZERS[rule]([{"params": params[0], "freeze_steps": 1}, {"params": params[1]}], lr=0.1)

    rng = np.random.default_rng(2)
    params, opt = make()
    for _ in range(3):
        opt.zero_grad()
        for p in params:
            feed(p, rng)
        opt.step()
    opt.param_groups[1]["lr"] = 0.03
    saved = opt.state_dict()
    kept = copy.deepcopy(saved)
    others, other = make()
    for p, q in zip(params, others, strict=True):
        q.data[...] = p.data
    other.load_state_dict(saved)
    assert other.steps == 3
    assert other.param_groups[1]["lr"] == 0.03
    for optimizer, parameters in ((opt, params), (other, others)):
        rng = np.random.default_rng(9)
        optimizer.zero_grad()
        for p in parameters:
            feed(p, rng)
        optimizer.step()
    for p, q in zip(params, others, strict=True):
        assert_array_equal(p.data, q.data)
    assert saved["steps"] == 3
    assert saved["state"].keys() == {0, 1}
    assert (saved["state"][0]["step"], saved["state"][1]["step"]) == (2, 3)
    for number, state in kept["state"].items():
        for name, array in state.items():
            assert_array_equal(saved["state"][number][name], array)


@pytest.mark.parametrize("rule", RULES)
def test_state_of_rows_alone_goes_on_like_the_whole(rule, tmp_path):
    np.save(tmp_path / "table.npy", np.random.default_rng(3).standard_normal((50, 3), dtype=np.float32))
    rows = np.array([40, 7, 9])
    options = {"initial_accumulator_value": 0.25} if rule.endswith("adagrad") else {}

    def make(mapped):
        table = np.load(tmp_path / "table.npy", mmap_mode="c" if mapped else None)
        params = [Embedding.from_pretrained(np.asarray(table), freeze=False).weight, param(6, 4, seed=1)]
        return params, OPTIMIZERS[rule](params, lr=0.1, **options)

    def step(params, opt, ids):
        opt.zero_grad()
        params[0].add_rows(ids, np.full((len(ids), 3), 0.5, np.float32))
        params[1].grad = np.ones((6, 4))
        opt.step()

    params, opt = make(False)
    for ids in (rows, rows[:2]):
        step(params, opt, ids)
    saved = opt.state_dict(rows={params[0]: rows})
    whole = opt.state_dict()
    for name, array in whole["state"][0].items():
        if name != "step":
            assert_array_equal(saved["state"][0][name], array[rows])
            assert_array_equal(saved["state"][1][name], whole["state"][1][name])
    results = [(params, opt)]
    for mapped in (False, True):
        others, other = make(mapped)
        for p, q in zip(params, others, strict=True):
            q.data[...] = p.data
        other.load_state_dict(saved, rows={others[0]: rows})
        results.append((others, other))
    for parameters, optimizer in results:
        step(parameters, optimizer, np.array([7, 11]))
    for others, other in results[1:]:
        for p, q in zip(params, others, strict=True):
            assert_array_equal(p.data, q.data)
        for number, state in opt.state_dict()["state"].items():
            for name, array in state.items():
                assert_array_equal(array, other.state_dict()["state"][number][name])


def test_state_of_other_rows_than_were_saved_is_refused():
    params = [param(8, 3)]
    opt = OPTIMIZERS["adagrad"](params, lr=0.1)
    params[0].add_rows([1, 2], np.ones((2, 3)))
    opt.step()
    saved = opt.state_dict(rows={params[0]: np.array([1, 2])})
    for rows in (None, {params[0]: np.array([1, 2, 3])}):
        with pytest.raises(ValueError, match=r"state_sum must have the shape \((8|3), 3\), got \(2, 3\)"):
            opt.load_state_dict(saved, rows=rows)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda s: s.pop("state"), ValueError, "state_dict: the key 'state' is missing"),
        (lambda s: s["param_groups"].pop(), ValueError, "state_dict has 1 groups, the optimizer 2"),
        (
            lambda s: s["param_groups"][0].update(rule="sgd"),
            ValueError,
            "group 0: rule is 'sgd', the optimizer's 'adagrad'",
        ),
        (lambda s: s["param_groups"][1].update(params=[1, 2]), ValueError, r"group 1: params are \[1, 2\]"),
        (lambda s: s["param_groups"][1].update(lr=-1.0), ValueError, "lr must not be negative, got -1.0"),
        (lambda s: s["param_groups"][1].pop("eps"), ValueError, "the key 'eps' is missing"),
        (lambda s: s["state"].update({5: {}}), ValueError, "state for parameter 5, the optimizer 2 parameters"),
        (lambda s: s["state"][0].update(extra=1), ValueError, "parameter 0: has extra, state_sum, step"),
        (lambda s: s["state"][0].update(step=0), ValueError, "step must be at least 1, got 0"),
        (
            lambda s: s["state"][0].update(state_sum=np.zeros((8, 4))),
            ValueError,
            r"parameter 0: state_sum must have the shape \(8, 5\), got \(8, 4\)",
        ),
        (
            lambda s: s["state"][1].update(state_sum=np.zeros((6, 4), np.float32)),
            TypeError,
            "parameter 1: state_sum must be float64, got float32",
        ),
        (lambda s: s["state"][1].update(state_sum=[1.0]), TypeError, "state_sum must be a NumPy array, got list"),
        (
            lambda s: s["state"][0]["state_sum"].__setitem__((3, 2), -0.5),
            ValueError,
            "parameter 0: state_sum must not be negative, got -0.5",
        ),
        (lambda s: s["state"][0].update(step=2**63 - 1), ValueError, "step must be at most 9223372036854775806"),
        (lambda s: s["state"][0].update(step=True), TypeError, "step must be an integer, got bool"),
        (lambda s: s["state"].update({0: None}), TypeError, "parameter 0 must be a dict, got NoneType"),
        (lambda s: s["state"][0].update({3: 1}), ValueError, "parameter 0: has 3, state_sum, step"),
        (lambda s: s.update(state=[]), TypeError, "state must be a dict, got list"),
        (lambda s: s.update(param_groups=None), TypeError, "param_groups must be a list, got NoneType"),
        (lambda s: s.update(param_groups=[None, None]), TypeError, "group 0 must be a dict, got NoneType"),
        (lambda s: s["param_groups"][0].update(params=0), TypeError, "group 0: params must be a list, got int"),
        (lambda s: s["param_groups"][0].update(rule=[]), ValueError, r"group 0: rule is \[\]"),
        (lambda s: s["param_groups"][0].update(lr=None), TypeError, "lr must be a number, got NoneType"),
        (lambda s: s.update(steps=-1), ValueError, "steps must be at least 0, got -1"),
        (lambda s: s.update(steps=1.5), TypeError, "steps must be an integer, got float"),
    ],
)
def test_load_state_dict_refuses_and_changes_nothing(change, error, text):
    params = [param(8, 5), param(6, 4, seed=1)]
    opt = optim.Adagrad([{"params": params[0]}, {"params": params[1]}], lr=0.1)
    rng = np.random.default_rng(0)
    for p in params:
        feed(p, rng)
    opt.step()
    before, saved = opt.state_dict(), opt.state_dict()
    saved["param_groups"][0]["lr"] = 0.7
    saved["state"][0]["state_sum"] += 1
    change(saved)
    with pytest.raises(error, match=text):
        opt.load_state_dict(saved)
    after = opt.state_dict()
    assert after["param_groups"] == before["param_groups"]
    assert after["steps"] == before["steps"]
    for number, state in before["state"].items():
        for name, array in state.items():
            assert_array_equal(after["state"][number][name], array)


@pytest.mark.parametrize(
    ("rule", "signed", "unsigned"),
    [
        ("adagrad", [], ["state_sum"]),
        ("rowwise_adagrad", [], ["state_sum"]),
        ("adam", ["exp_avg"], ["exp_avg_sq"]),
        ("adadelta", [], ["square_avg", "acc_delta"]),
    ],
)
def test_loaded_state_whose_root_is_taken_is_not_negative(rule, signed, unsigned):
    p = param(8, 3)
    opt = OPTIMIZERS[rule]([p], lr=0.1)
    feed(p, np.random.default_rng(0))
    opt.step()
    for name in unsigned:
        saved = opt.state_dict()
        saved["state"][0][name][5:] = -1e-30
        with pytest.raises(ValueError, match=f"parameter 0: {name} must not be negative, got -1e-30"):
            opt.load_state_dict(saved)
    saved = opt.state_dict()
    for name in signed:
        saved["state"][0][name][5:] = -1.0
    for name in unsigned:
        saved["state"][0][name][:2] = [[np.nan], [np.inf]] if saved["state"][0][name].ndim == 2 else [np.nan, np.inf]
    opt.load_state_dict(saved)
    for name, array in opt.state_dict()["state"][0].items():
        assert_array_equal(array, saved["state"][0][name])


def test_state_is_made_at_the_first_step_and_is_not_shared():
    p = param(8, 3)
    opt = optim.Adagrad([p], lr=0.1)
    assert opt.state_dict()["state"] == {}
    feed(p, np.random.default_rng(0))
    opt.step()
    saved = opt.state_dict()
    saved["state"][0]["state_sum"] += 1
    assert (opt.state_dict()["state"][0]["state_sum"] != saved["state"][0]["state_sum"]).all()


def test_deep_copies_of_model_and_optimizer_train_apart():
    emb = Embedding(8, 3, seed=0, dtype="float64")
    opt = optim.Adagrad([emb.weight], lr=0.1)
    feed(emb.weight, np.random.default_rng(0))
    opt.step()
    other_emb, other = copy.deepcopy((emb, opt))
    assert other.param_groups[0]["params"][0] is other_emb.weight
    before = emb.weight.data.copy()
    feed(other_emb.weight, np.random.default_rng(1))
    other.step()
    assert_array_equal(emb.weight.data, before)
    assert other.state_dict()["state"][0]["step"] == 2
    assert opt.state_dict()["state"][0]["step"] == 1


@pytest.mark.parametrize("again", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))])
@pytest.mark.parametrize("rule", RULES)
def test_copies_keep_the_optimizers_own_defaults_for_new_groups(rule, again):
    opt = OPTIMIZERS[rule]([param(3, 2)], **OPTIONS[rule])
    other = again(opt)
    other.add_param_group({"params": param(3, 2)})
    group = {key: value for key, value in other.param_groups[1].items() if key != "params"}
    assert group == {key: value for key, value in opt.param_groups[0].items() if key != "params"}
    assert OPTIONS[rule].items() <= group.items()
