"""Model directories: what a trained model is kept as.

A model directory holds plain files; nothing in it is pickled or can run code.

===================  ==================================================================================================
``model.json``       format version, kind of model, its classes in the order of the logits, its hyper-parameters, the
                     number of rows and their dim, the dtype, and whatever the caller adds under ``"training"``
``words.json``       the word of each row, a JSON list of strings
``weights.npz``      every weight by name, bit for bit; ``embedding`` is the table, (rows, dim)
``vectors.txt``      the table once more, in word2vec's text format: the tuned vectors for other programs, and for
                     `finevec.WordVectors.load`. Loading a model does not read it.
``others.json``,     optional: words that are not rows, and their pretrained vectors, which texts to come may use.
``others.npy``       Opened as a memory map: only the words that occur are read.
===================  ==================================================================================================

Saving writes all files into a new directory beside the wanted one, flushes them to the disk, and renames it. A
directory in the way is first renamed to ``<name>.previous`` and removed at the end; so at every moment there is either
the old model, the new one, or, for an instant between two renames, none under the wanted name and the old one under
``<name>.previous``. Files of other names that were in the old directory move into the new one, also when an earlier
save was killed half-way. A symbolic link keeps pointing: the directory it points to is replaced.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..replace import flush_to_disk, previous_of, replace_directory
from ..vectors import WordVectors
from .bag import BagClassifier
from .classifier import Classifier, OtherWords
from .relatedness import TreeRelatedness
from .text_cnn import TextCNN
from .tree_lstm import TreeLSTM

FORMAT = "finevec-model"
FORMAT_VERSION = 1

FILES = ("model.json", "words.json", "weights.npz", "vectors.txt", "others.json", "others.npy")
"""Names of a model's own files. Saving replaces them and leaves files of other names in the directory."""

Kind = type[BagClassifier] | type[TextCNN] | type[TreeLSTM] | type[TreeRelatedness]

KINDS: dict[str, Kind] = {model.kind: model for model in (BagClassifier, TextCNN, TreeLSTM, TreeRelatedness)}
"""The models by the name that is saved with them."""


def check_model_target(directory: str | PathLike[str]) -> Path:
    """Check that a model could be saved as `directory`, before anything is computed.

    Parameters
    ----------
    directory : path
        It may not exist yet, be empty, or hold a model, which saving replaces.

    Returns
    -------
    Path
        The directory as an absolute path, symbolic links followed.

    Raises
    ------
    FileExistsError
        It, or ``<directory>.previous``, exists and is something else: nothing of the user's is ever overwritten.
    OSError
        It cannot be replaced, or its parent does not exist or cannot be written to.
    """
    path = Path(os.path.realpath(directory))
    if os.path.lexists(path):
        if not path.is_dir():
            raise FileExistsError(f"{directory}: expected a directory to save the model in, found a file")
        if os.path.ismount(path):
            raise FileExistsError(f"{directory}: a mount point cannot be replaced; choose a directory inside it")
        if not _may_be_removed(path):
            raise FileExistsError(f"{directory}: holds something that is not a finevec model; choose another directory")
    previous = previous_of(path)
    if os.path.lexists(previous) and not _may_be_removed(previous):
        raise FileExistsError(f"{previous} is in the way of saving: it is not a finevec model")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{directory}: there is no directory {path.parent} to save it in")
    for folder in (path.parent, path, previous):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise PermissionError(f"{directory}: no permission to write in {folder}")
    return path


def save_model(model: Classifier, directory: str | PathLike[str], *, training: dict[str, Any] | None = None) -> None:
    """Save a model. How is told at the head of this module.

    Parameters
    ----------
    model : Classifier
        The model; `model.others` is saved with it.
    directory : path
        A model that is there is replaced.
    training : dict, optional
        How the model came about, for the record: anything that JSON can hold.

    Raises
    ------
    OSError
        The directory holds something else, or cannot be written. What was there is unchanged.
    """
    path = check_model_target(directory)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with _named_after(directory):
            _write_files(model, aside, training or {})
        aside.chmod(0o777 & ~_umask())
        replace_directory(aside, path, FILES)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


@contextlib.contextmanager
def _named_after(directory: str | PathLike[str]) -> Iterator[None]:
    """Give an error of the system that names no file, as on a full disk, the name of the directory to save to."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(directory)
        raise


def load_model(directory: str | PathLike[str]) -> BagClassifier | TextCNN | TreeLSTM | TreeRelatedness:
    """Load a model that `save_model` saved.

    Returns
    -------
    Classifier
        It predicts, bit for bit, what the saved one did.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        There is no such directory, it is a file, or a file of its own is missing.
    ValueError
        It is not a model, is damaged, or was written by a newer finevec.

    Examples
    --------
    >>> import tempfile
    >>> import finevec as fv
    >>> from finevec.models import BagClassifier, save_model
    >>> table = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    >>> trained = BagClassifier(table, ["good", "bad"], ["neg", "pos"])
    >>> trained.output.weight.data[...] = [[-1.0, 1.0], [1.0, -1.0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(trained, f"{folder}/model")
    ...     model = fv.load_model(f"{folder}/model")
    >>> model.predict(["a good film", "a bad film"])
    ['pos', 'neg']
    """
    path = Path(directory)
    config = _read_config(path)
    for name in ("words.json", "weights.npz", *(["others.npy"] if (path / "others.json").exists() else [])):
        if not (path / name).is_file():
            raise FileNotFoundError(f"{path}: damaged model: it has no {name}")
    words = _read_words(path / "words.json")
    weights = _read_weights(path / "weights.npz")
    try:
        kind = KINDS[config["kind"]]
        kind.check_saved(config["model"], weights)
        model = kind(weights["embedding"], words, config["classes"], **config["model"])
        _fill(model, weights)
    except KeyError as error:
        raise ValueError(f"{directory}: damaged model: model.json lacks {error.args[0]}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{directory}: damaged model: {error}") from None
    model.others = _read_others(path, model.vectors)
    return model


def read_training(directory: str | PathLike[str]) -> dict[str, Any]:
    """Return what `save_model` was given as `training`. Raises as `load_model`."""
    return dict(_read_config(Path(directory)).get("training", {}))


def _may_be_removed(path: Path) -> bool:
    """Tell whether a path is an empty directory or a model, but no link to one."""
    if path.is_symlink() or not path.is_dir():
        return False
    if not any(path.iterdir()):
        return True
    try:
        _read_config(path)
    except (OSError, ValueError):
        return False
    return True


def _write_files(model: Classifier, path: Path, training: dict[str, Any]) -> None:
    rows, dim = model.vectors.shape
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": model.kind,
        "classes": model.classes,
        "model": model.config(),
        "rows": rows,
        "dim": dim,
        "dtype": str(model.vectors.dtype),
        "training": training,
    }
    _write_json(path / "model.json", config, indent=2)
    _write_json(path / "words.json", model.words)
    with (path / "weights.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **model.arrays())
    WordVectors(model.words, model.vectors).save(path / "vectors.txt", format="word2vec")
    if model.others is not None:
        _write_json(path / "others.json", list(model.others.position))
        np.save(path / "others.npy", model.others.vectors[list(model.others.position.values())], allow_pickle=False)
    for name in os.listdir(path):
        flush_to_disk(path / name)
    flush_to_disk(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_json(path: Path, value: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8", newline="\n")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: damaged model: not JSON: {error}") from None


def _read_config(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path}: expected the directory of a model, found a file")
    if not path.is_dir():
        previous = previous_of(Path(os.path.realpath(path)))
        hint = f"; a save was interrupted, the model before it is {previous}" if previous.is_dir() else ""
        raise FileNotFoundError(f"{path}: there is no such model directory{hint}")
    if not (path / "model.json").is_file():
        raise FileNotFoundError(f"{path}: not a finevec model: it has no model.json")
    config = _read_json(path / "model.json")
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ValueError(f"{path}: not a finevec model: model.json does not say so")
    if config.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{path}: model of format version {config.get('format_version')!r}, this finevec reads {FORMAT_VERSION}"
        )
    if config.get("kind") not in KINDS:
        raise ValueError(f"{path}: unknown kind of model {config.get('kind')!r}, expected one of {', '.join(KINDS)}")
    return config


def _read_words(path: Path) -> list[str]:
    words = _read_json(path)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{path}: damaged model: expected a list of strings")
    if len(set(words)) != len(words):
        raise ValueError(f"{path}: damaged model: expected each word once")
    return words


def _read_weights(path: Path) -> dict[str, NDArray[Any]]:
    with _told_as_damage(path), path.open("rb") as file:  # numpy would leave open what is no whole archive
        archive = np.load(file, allow_pickle=False)
        return _Weights({name: archive[name] for name in archive.files})


class _Weights(dict[str, NDArray[Any]]):
    """The weights of a file by name; one that is not there is told as such."""

    def __missing__(self, name: str) -> NDArray[Any]:
        raise ValueError(f"weights.npz lacks {name}")


@contextlib.contextmanager
def _told_as_damage(path: Path) -> Iterator[None]:
    """Turn what numpy and zipfile raise about the content of a file, for which there is no list, into a ValueError."""
    try:
        yield
    except Exception as error:
        cannot_be_opened = isinstance(error, OSError) and error.filename is not None
        if cannot_be_opened or isinstance(error, MemoryError):
            raise
        raise ValueError(f"{path}: damaged model: {type(error).__name__}: {error}") from None


def _fill(model: Classifier, weights: dict[str, NDArray[Any]]) -> None:
    for name, array in model.arrays().items():
        saved = weights[name]
        if saved.shape != array.shape or saved.dtype != array.dtype:
            raise ValueError(f"weight {name}: expected {array.shape} {array.dtype}, got {saved.shape} {saved.dtype}")
        if saved is not array:
            array[...] = saved


def _read_others(path: Path, like: NDArray[Any]) -> OtherWords | None:
    """Read the words that are not rows of the table `like`, and map their vectors."""
    if not (path / "others.json").exists():
        return None
    words = _read_words(path / "others.json")
    with _told_as_damage(path / "others.npy"):
        vectors = np.load(path / "others.npy", mmap_mode="r", allow_pickle=False)
        expected = (len(words), like.shape[1])
        if vectors.shape != expected or vectors.dtype.kind != "f":
            raise ValueError(f"expected floats of shape {expected}, got {vectors.dtype} of shape {vectors.shape}")
    return OtherWords({word: index for index, word in enumerate(words)}, vectors)
