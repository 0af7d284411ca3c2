"""The folders that come with sciencegen: those of the checkout, else those in the installed package."""

import pytest

from sciencegen.data import shipped
from sciencegen.data.shipped import dataset_root, workflow_root
from sciencegen.errors import DataError


def test_a_checkout_has_its_own():
    assert (workflow_root() / "Snakefile").is_file()
    assert (dataset_root() / "README.md").is_file()
    assert workflow_root().parent == dataset_root().parent


def test_an_installed_package_has_copies(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "sciencegen"
    (package / "data").mkdir(parents=True)
    monkeypatch.setattr(shipped, "__file__", str(package / "data" / "shipped.py"))
    with pytest.raises(DataError, match="Reinstall sciencegen"):
        workflow_root()
    (package / "_shared" / "workflows").mkdir(parents=True)
    assert workflow_root() == package / "_shared" / "workflows"
