"""What is installed: typed, versioned once, NumPy its only hard dependency."""

import importlib.metadata
import importlib.resources
import re
from pathlib import Path

import finevec as fv


def test_type_checkers_find_the_types():
    package = importlib.resources.files(fv)
    assert (package / "py.typed").is_file()
    assert (package / "_finevec.pyi").is_file()


def test_the_version_is_that_of_the_workspace():
    manifest = (Path(__file__).parents[1] / "Cargo.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.*)"$', manifest, re.MULTILINE)[1]
    assert fv.__version__ == importlib.metadata.version("finevec") == version


def test_numpy_is_the_only_hard_dependency():
    required = importlib.metadata.requires("finevec")
    assert [line for line in required if "extra ==" not in line] == ["numpy>=1.26"]


def test_the_demo_data_come_with_their_notice():
    notice = importlib.resources.files(fv) / "datasets" / "demo" / "NOTICE"
    assert "Public Domain Dedication" in notice.read_text(encoding="utf-8")
