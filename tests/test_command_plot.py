"""`finevec plot`: what is drawn of a run, and what is refused."""

from __future__ import annotations

import json
import os
import sys

import pytest
from finevec import plot
from finevec.commands import main
from finevec.plot import Run
from toy_texts import arguments

DEV = [0.5, 0.625, 0.75, 0.6875]
TRAIN = [0.25, 0.5, 0.875, 1.0]


def metrics(mode="non-static", freeze_epochs=0, best_epoch=3, dev=DEV, train=TRAIN):
    both = enumerate(zip(train, dev, strict=True), start=1)
    epochs = [{"epoch": epoch, "train_accuracy": here, "dev_accuracy": there} for epoch, (here, there) in both]
    history = {"epochs": epochs, "best_epoch": best_epoch, "stopped_early": False}
    return {"mode": mode, "freeze_epochs": freeze_epochs, "history": history}


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def drawn(figure):
    """Return the points of each line by its group id."""
    (axes,) = figure.axes
    return {line.get_gid(): list(map(tuple, line.get_xydata())) for line in axes.get_lines()}


@pytest.fixture
def drawing():
    pytest.importorskip("matplotlib", reason="needs matplotlib")


def failure(capsys, *argv):
    assert main(["plot", *map(str, argv)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    return shown.err.removeprefix("finevec: error: ").rstrip("\n")


# --- what is drawn ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "frozen", "best"),
    [
        (metrics(), 0, 3),
        (metrics(freeze_epochs=2), 2, 3),
        (metrics("random", freeze_epochs=1, best_epoch=1), 1, 1),
        (metrics("static"), 4, 3),
        (metrics(freeze_epochs=9), 4, 3),
    ],
)
def test_a_run_is_read(tmp_path, content, frozen, best):
    path = write(tmp_path / "m.json", content)
    assert plot.read_run(path, "name") == Run("name", TRAIN, DEV, frozen, best)


def points(values, first, last):
    return [(epoch, 100 * values[epoch - 1]) for epoch in range(first, last + 1)]


@pytest.mark.usefixtures("drawing")
def test_lines_are_dashed_where_the_embedding_was_frozen():
    figure = plot.draw([Run("a", TRAIN, DEV, 0, 3), Run("b", TRAIN, DEV, 2, 2), Run("c", TRAIN, DEV, 4, 1)])
    assert drawn(figure) == {
        "run1.train.thawed": points(TRAIN, 1, 4),
        "run1.dev.thawed": points(DEV, 1, 4),
        "run1.best": points(DEV, 3, 3),
        "run2.train.frozen": points(TRAIN, 1, 2),
        "run2.train.thawed": points(TRAIN, 2, 4),
        "run2.dev.frozen": points(DEV, 1, 2),
        "run2.dev.thawed": points(DEV, 2, 4),
        "run2.thaw": points(DEV, 2, 2),
        "run2.best": points(DEV, 2, 2),
        "run3.train.frozen": points(TRAIN, 1, 4),
        "run3.dev.frozen": points(DEV, 1, 4),
        "run3.best": points(DEV, 1, 1),
    }
    for line in figure.axes[0].get_lines():
        name = line.get_gid()
        assert (line.get_linestyle() == "--") == name.endswith(".frozen")
        assert (line.get_alpha() or 1.0) == pytest.approx(0.35 if ".train." in name else 1.0)


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize("count", [3, 10, 14])
def test_every_run_has_a_colour_of_its_own_which_the_legend_tells(count):
    figure = plot.draw([Run(f"run {number}", TRAIN, DEV, 2, 3) for number in range(count)])
    colours = {}
    for line in figure.axes[0].get_lines():
        colours.setdefault(line.get_gid().split(".")[0], set()).add(line.get_color())
    assert [len(own) for own in colours.values()] == [1] * count
    assert len(set.union(*colours.values())) == count
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:count] == [f"run {number}" for number in range(count)]
    shown = [line.get_color() for line in legend.get_lines()[:count]]
    assert shown == [colour for own in colours.values() for colour in own]


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("frozen", "told"),
    [(0, []), (2, ["embedding frozen", "thaws after this epoch"]), (4, ["embedding frozen"])],
)
def test_the_legend_tells_what_occurs(frozen, told):
    (legend,) = plot.draw([Run("a", TRAIN, DEV, frozen, 3)]).legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["a", "dev", "train, while learning", *told, "best epoch"]


@pytest.mark.usefixtures("drawing")
def test_a_label_is_nothing_but_text():
    labels = ["_first", "$x", "$\\frac{", "a\nb\udcff", "x/" * 40 + "metrics.json"]
    figure = plot.draw([Run(label, TRAIN, DEV, 0, 3) for label in labels])
    plot.rendered(figure, "svg")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:4] == ["_first", "$x", "$\\frac{", "a\\nb\\udcff"]
    assert texts[4].startswith("…")
    assert texts[4].endswith("x/metrics.json")
    assert len(texts[4]) == 48


@pytest.mark.usefixtures("drawing")
def test_one_epoch_alone_can_be_drawn():
    figure = plot.draw([Run("a", [0.5], [0.25], 1, 1)])
    wanted = {"run1.train.frozen": [(1, 50)], "run1.dev.frozen": [(1, 25)], "run1.best": [(1, 25)]}
    assert drawn(figure) == wanted
    assert plot.rendered(figure, "svg")


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="expected runs to draw, got none"):
        plot.draw([])
    with pytest.raises(ValueError, match="kind: expected one of svg, png, pdf, got 'gif'"):
        plot.rendered(None, "gif")


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(("name", "magic"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG\r\n"), ("a.pdf", b"%PDF-")])
def test_the_ending_says_the_format_and_twice_gives_the_same_bytes(tmp_path, capsys, name, magic):
    path, output = write(tmp_path / "m.json", metrics(freeze_epochs=2)), tmp_path / name
    contents = []
    for _ in range(2):
        assert main(["plot", path, "--output", str(output)]) == 0
        assert capsys.readouterr() == (f"saved  {output}\n", "")
        contents.append(output.read_bytes())
    assert contents[0].startswith(magic)
    assert contents[0] == contents[1]
    assert b"Date>" not in contents[0]
    assert b"CreationDate" not in contents[0]
    assert sorted(os.listdir(tmp_path)) == [name, "m.json"]


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("names", "more", "labels"),
    [
        (["a.json", "b.json"], [], ["a.json", "b.json"]),
        (["1/m.json", "2/m.json"], [], ["1/m.json", "2/m.json"]),
        (["a.json", "b.json"], ["--labels", "static", "tuned"], ["static", "tuned"]),
    ],
)
def test_runs_are_called_by_their_files_or_as_told(tmp_path, monkeypatch, names, more, labels):
    monkeypatch.chdir(tmp_path)
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, metrics())
    figures = []
    draw = plot.draw
    monkeypatch.setattr("finevec.commands.plot.draw", lambda runs: figures.append(draw(runs)) or figures[-1])
    assert main(["plot", *names, "--output", "a.svg", *more]) == 0
    assert [text.get_text() for text in figures[0].legends[0].get_texts()][:2] == labels


@pytest.mark.usefixtures("drawing")
def test_what_train_writes_can_be_drawn(files, tmp_path):
    assert main(arguments(files, "train", "dev", "vectors", "metrics", epochs=3, freeze_epochs=1, patience=0)) == 0
    run = plot.read_run(files["metrics"], "toy")
    assert (len(run.dev_accuracy), run.frozen_epochs) == (3, 1)
    assert main(["plot", files["metrics"], "--output", str(tmp_path / "a.svg")]) == 0
    content = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert all(f'id="run1.{part}"' in content for part in ("dev.frozen", "dev.thawed", "train.frozen", "thaw", "best"))


def changed(**parts):
    content = metrics()
    content["history"].update(parts)
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "not metrics of finevec train: not JSON: "),
        (b"\xff\xfe", "not metrics of finevec train: not JSON: "),
        (b"[" * 100_000, "not metrics of finevec train: not JSON: "),
        ([], "not metrics of finevec train: it is built in another way"),
        ({"history": [1]}, "not metrics of finevec train: it is built in another way"),
        ({"mode": "static"}, "not metrics of finevec train: it has no 'history'"),
        ({**metrics(), "history": {"epochs": [{"epoch": 1}], "best_epoch": 1}}, "it has no 'train_accuracy'"),
        (changed(epochs=[]), "expected epochs that count from 1, got []"),
        (changed(epochs=metrics()["history"]["epochs"][1:]), "expected epochs that count from 1, got [2, 3, 4]"),
        (metrics(dev=[0.5, 1.5, 0.5, 0.5]), "expected accuracies between 0 and 1, got 1.5"),
        (metrics(train=[0.5, None, 0.5, 0.5]), "expected accuracies between 0 and 1, got None"),
        (metrics(dev=[0.5, float("nan"), 0.5, 0.5]), "expected accuracies between 0 and 1, got nan"),
        (metrics(freeze_epochs=-1), "freeze_epochs: expected a number of epochs, got -1"),
        (metrics(freeze_epochs="two"), "freeze_epochs: expected a number of epochs, got 'two'"),
        (metrics(best_epoch=5), "best_epoch: expected one of the 4 epochs, got 5"),
        (metrics(best_epoch=True), "best_epoch: expected one of the 4 epochs, got True"),
    ],
)
@pytest.mark.usefixtures("drawing")
def test_what_is_no_metrics_file_is_told_and_nothing_is_written(tmp_path, capsys, content, said):
    good, bad, output = write(tmp_path / "good.json", metrics()), tmp_path / "bad.json", tmp_path / "a.svg"
    if isinstance(content, bytes):
        bad.write_bytes(content)
    elif content is not None:
        write(bad, content)
    message = failure(capsys, good, bad, "--output", output)
    assert message.startswith(f"{bad}: ")
    assert said in message
    assert not output.exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--output", "a.svg"], "the following arguments are required: METRICS"),
        (["m.json"], "the following arguments are required: --output"),
        (["m.json", "--output", ""], "argument --output: expected a path, got an empty one"),
        (["m.json", "--output", "a.gif"], "a.gif: expected a name that ends in .svg, .png, .pdf"),
        (["m.json", "--output", "svg"], "svg: expected a name that ends in .svg, .png, .pdf"),
        (["m.json", "--output", "a.svg", "--labels", "a", "b"], "--labels: expected 1, one for each file, got 2"),
        (["m.json", "other.svg", "--output", "./other.svg"], "the figure would replace other.svg, which is read"),
        (["m.json", "--output", "link.svg"], "link.svg: the figure would replace m.json, which is read"),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path, monkeypatch, capsys, argv, said):
    monkeypatch.chdir(tmp_path)
    for name in ("m.json", "other.svg"):
        write(tmp_path / name, metrics())
    (tmp_path / "link.svg").symlink_to("m.json")
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    assert said in failure(capsys, *argv)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


@pytest.mark.usefixtures("drawing")
def test_where_nothing_can_be_written(tmp_path, capsys):
    path = write(tmp_path / "m.json", metrics())
    (tmp_path / "folder.svg").mkdir()
    assert failure(capsys, path, "--output", tmp_path / "folder.svg") == f"{tmp_path}/folder.svg: Is a directory"
    missing = tmp_path / "none" / "a.svg"
    assert failure(capsys, path, "--output", missing) == f"{missing}: No such file or directory"


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch, capsys):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    path = write(tmp_path / "m.json", metrics())
    message = failure(capsys, path, "--output", tmp_path / "a.svg")
    assert message.startswith("finevec plot needs matplotlib (the extra [plot]): pip install matplotlib")
    assert not (tmp_path / "a.svg").exists()
