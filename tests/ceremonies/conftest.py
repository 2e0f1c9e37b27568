"""The table, as gates and operators reach it, and two directories that stand for signer hosts."""

from pathlib import Path

import pytest

from tests.ceremonies.test_scripts import SignerHost, make
from tests.table_stack import ash, ceremony, credentials, endpoint, key, local_table, zrh

__all__ = ["ash", "ceremony", "credentials", "endpoint", "key", "local_table", "zrh"]


@pytest.fixture
def west(tmp_path: Path) -> SignerHost:
    return make(tmp_path / "west")


@pytest.fixture
def east(tmp_path: Path) -> SignerHost:
    return make(tmp_path / "east")
