"""Small made-up trees that a Tree-LSTM can learn from, in both formats: sentences of `toy_texts`, labelled nodes."""

from __future__ import annotations

from toy_texts import BAD, GOOD, toy_texts


def toy_sentences(count, seed):
    """Return tokens and the label of each word, 3 or 1 for telling ones and 2 for others."""
    _, texts = toy_texts(count, seed)
    sentences = [text.split() for text in texts]
    return [(tokens, [3 if token in GOOD else 1 if token in BAD else 2 for token in tokens]) for tokens in sentences]


def bracketed(tokens, labels):
    """Return a right-branching tree; a node has the label of the first telling word below it, else 2."""
    tree, label = f"({labels[-1]} {tokens[-1]})", labels[-1]
    for token, own in zip(reversed(tokens[:-1]), reversed(labels[:-1]), strict=True):
        label = own if own != 2 else label
        tree = f"({label} ({own} {token}) {tree})"
    return tree


def dependencies(tokens, labels):
    """Return a parse of which the last word is the root, with the sentence's label, and the head of all others."""
    root = next(label for label in labels if label != 2)
    parents = [*[str(len(tokens))] * (len(tokens) - 1), "0"]
    relations = [*["dep"] * (len(tokens) - 1), "root"]
    columns = (tokens, parents, relations, [*map(str, labels[:-1]), str(root)])
    return "\t".join(" ".join(column) for column in columns)


FORMATS = {"constituency": bracketed, "dependency": dependencies}


def write_trees(path, structure, count, seed):
    lines = [FORMATS[structure](*sentence) for sentence in toy_sentences(count, seed)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)
