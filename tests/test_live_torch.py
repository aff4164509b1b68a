"""Agreement with the PyTorch that is installed, on inputs drawn anew: larger than the golden ones."""

import finevec as fv
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from strategies import bag_cases, cases

torch = pytest.importorskip("torch", reason="torch is not installed")

SPARSE = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "adam": torch.optim.SparseAdam}
DENSE = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adadelta": torch.optim.Adadelta,
}
OURS = {"sgd": fv.optim.SGD, "adagrad": fv.optim.Adagrad, "adam": fv.optim.Adam, "adadelta": fv.optim.Adadelta}


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


@pytest.mark.parametrize("rule", SPARSE)
@given(case=cases(dtype=np.float64))
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_row_sparse_steps(rule, case):
    theirs = torch.nn.Embedding.from_pretrained(tensor(case.weight.copy()), freeze=False, sparse=True)
    emb = fv.Embedding.from_pretrained(case.weight.copy(), freeze=False)
    opt, their_opt = OURS[rule]([emb.weight], lr=0.1), SPARSE[rule](theirs.parameters(), lr=0.1)
    for _ in range(3):
        grad = case.rng.standard_normal((*case.ids.shape, case.dim))
        their_opt.zero_grad()
        theirs(tensor(case.ids.astype(np.int64))).backward(tensor(grad))
        their_opt.step()
        opt.zero_grad()
        emb.backward(case.ids, grad)
        opt.step()
    np.testing.assert_allclose(emb.weight.data, theirs.weight.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", DENSE)
@given(seed=st.integers(0, 1000), weight_decay=st.sampled_from((0.0, 0.1)))
def test_dense_steps(rule, seed, weight_decay):
    rng = np.random.default_rng(seed)
    start = rng.standard_normal((9, 17))
    theirs, param = torch.nn.Parameter(tensor(start.copy())), fv.Parameter(start)
    opt = OURS[rule]([param], lr=0.1, weight_decay=weight_decay)
    their_opt = DENSE[rule]([theirs], lr=0.1, weight_decay=weight_decay)
    for _ in range(4):
        grad = rng.standard_normal(start.shape)
        theirs.grad = tensor(grad)
        their_opt.step()
        opt.zero_grad()
        param.add_grad(grad)
        opt.step()
    np.testing.assert_allclose(param.data, theirs.detach().numpy(), rtol=1e-11, atol=1e-12)


@given(case=bag_cases(dtype=np.float64), mode=st.sampled_from(("sum", "mean", "max")), padding=st.booleans())
def test_bags(case, mode, padding):
    options = {"mode": mode, "padding_idx": 0 if padding else None, "include_last_offset": case.include_last_offset}
    theirs = torch.nn.EmbeddingBag.from_pretrained(tensor(case.weight.copy()), freeze=False, **options)
    bag = fv.EmbeddingBag.from_pretrained(case.weight.copy(), freeze=False, **options)
    offsets = None if case.offsets is None else case.offsets.astype(np.int64)
    if case.bags == 0:
        return  # torch takes no empty batch in every form
    ids = case.ids.astype(np.int64)
    their_out = theirs(tensor(ids), None if offsets is None else tensor(offsets))
    np.testing.assert_allclose(bag(case.ids, offsets), their_out.detach().numpy(), rtol=1e-12, atol=1e-12)
    grad = case.rng.standard_normal((case.bags, case.dim))
    their_out.backward(tensor(grad))
    bag.backward(case.ids, offsets, grad)
    fv.optim.SGD([bag.weight], lr=1.0).step()
    got = case.weight - bag.weight.data
    np.testing.assert_allclose(got, theirs.weight.grad.numpy(), rtol=0, atol=1e-9)


def test_memory_is_shared_with_tensors():
    weight = torch.ones(4, 3)
    emb = fv.Embedding.from_pretrained(weight.numpy(), freeze=False)
    emb.backward([1], np.ones((1, 3), np.float32))
    fv.optim.SGD([emb.weight], lr=1.0).step()
    assert weight[1].tolist() == [0.0, 0.0, 0.0]


def test_clipping():
    rng = np.random.default_rng(0)
    start, ids, grad = rng.standard_normal((30, 5)), rng.integers(0, 30, 50), rng.standard_normal((50, 5))
    theirs = torch.nn.Parameter(tensor(start))
    total = reference.gradient(start, [reference.Entry(ids, grad)]).total
    theirs.grad = tensor(np.array([total.get(row, np.zeros(5)) for row in range(30)]))
    table = fv.Parameter(start)
    table.add_rows(ids, grad)
    norm = torch.nn.utils.clip_grad_norm_([theirs], 0.5).item()
    assert fv.optim.clip_grad_norm_([table], 0.5) == pytest.approx(norm, rel=1e-12)
    opt = fv.optim.SGD([table], lr=1.0)
    before = start.copy()
    opt.step()
    np.testing.assert_allclose(before - table.data, theirs.grad.numpy(), rtol=0, atol=1e-14)
