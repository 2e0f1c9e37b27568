"""The signed repository, as apt itself sees it: apt in a scratch root, with no other source and no other key."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from packages.build import Repository, repository
from packages.download import DownloadRefused, sha256
from packages.recipes import Download, Package, chain_client
from packages.signing import archive_key

pytestmark = pytest.mark.slow


def program(directory: Path, text: str = "#!/bin/sh\necho 1.2.3\n") -> Path:
    path = directory / "program"
    path.write_text(text)
    return path


def client(directory: Path, *, version: str = "1.2.3", text: str = "#!/bin/sh\necho 1.2.3\n") -> Package:
    made = chain_client(package="chaind", version=version, daemon="chaind", program=program(directory, text))
    return Package(**{**vars(made), "depends": ()})


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a-directory-with-a-long-name-" + "x" * 120)


@pytest.fixture
def built(tmp_path: Path, keys: Path) -> Repository:
    return repository(tmp_path / "repository", keys, [client(tmp_path)])


class Apt:
    """apt with everything of its own in one directory: no source but the repository, no key but the repository's."""

    def __init__(self, directory: Path, made: Repository, uri: str) -> None:
        self.directory = directory
        for name in (
            "state/lists/partial",
            "cache/archives/partial",
            "etc/sources.list.d",
            "etc/preferences.d",
            "dpkg",
        ):
            (directory / name).mkdir(parents=True)
        (directory / "dpkg/status").touch()
        (directory / "etc/sources.list").write_text("")
        (directory / "etc/keyring.gpg").write_bytes(made.keyring.read_bytes())
        (directory / "etc/sources.list.d/estate.sources").write_text(
            made.sources(uri, str(directory / "etc/keyring.gpg"))
        )
        options = {
            "Dir::State": directory / "state",
            "Dir::State::status": directory / "dpkg/status",
            "Dir::Cache": directory / "cache",
            "Dir::Etc": directory / "etc",
            "Dir::Etc::trusted": "/dev/null",
            "Dir::Etc::trustedparts": "/dev/null",
            "APT::Sandbox::User": "root",
            "APT::Architecture": "amd64",
            "Acquire::Retries": "0",
        }
        self.options = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["apt-get", *self.options, *words],
            cwd=self.directory,
            env={**os.environ, "LC_ALL": "C.UTF-8", "APT_CONFIG": "/dev/null"},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def served(built: Repository) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(built.directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def apt(tmp_path: Path, built: Repository, served: str) -> Apt:
    return Apt(tmp_path / "apt", built, served)


def test_apt_takes_the_index_and_the_package(apt: Apt) -> None:
    updated = apt("update", "--error-on=any")
    assert updated.returncode == 0, updated.stderr
    fetched = apt("download", "chaind")
    assert fetched.returncode == 0, fetched.stderr
    assert (apt.directory / "chaind_1.2.3_amd64.deb").exists()


def test_the_package_holds_the_program_and_a_link_to_it_on_the_path(built: Repository, tmp_path: Path) -> None:
    deb = built.directory / "pool" / "chaind_1.2.3_amd64.deb"
    subprocess.run(["dpkg-deb", "-x", str(deb), str(tmp_path / "unpacked")], check=True)
    installed = tmp_path / "unpacked/usr/bin/chaind"
    assert installed.is_symlink()
    assert subprocess.run([str(installed)], capture_output=True, text=True).stdout == "1.2.3\n"


def test_apt_refuses_an_index_that_someone_changed(apt: Apt, built: Repository) -> None:
    for index in (built.directory / "dists").rglob("Packages"):
        index.write_text(index.read_text().replace("Version: 1.2.3", "Version: 9.9.9"))
    for index in (built.directory / "dists").glob("*/main/*/by-hash/SHA256/*"):
        index.write_text(index.read_text().replace("Version: 1.2.3", "Version: 9.9.9"))
    refused = apt("update", "--error-on=any")
    assert refused.returncode != 0
    assert "Hash Sum mismatch" in refused.stderr


def test_apt_refuses_a_release_that_someone_changed(apt: Apt, built: Repository) -> None:
    release = built.directory / "dists/stable/InRelease"
    release.write_text(release.read_text().replace("Label: estate", "Label: mallet"))
    refused = apt("update", "--error-on=any")
    assert refused.returncode != 0
    assert "BADSIG" in refused.stderr


def test_apt_refuses_a_release_signed_by_another_key(apt: Apt, built: Repository, tmp_path: Path) -> None:
    another = repository(tmp_path / "another", tmp_path / "another-keys", [client(tmp_path)])
    forged = (another.directory / "dists/stable/InRelease").read_bytes()
    (built.directory / "dists/stable/InRelease").write_bytes(forged)
    (built.directory / "dists/stable/Release.gpg").unlink()
    refused = apt("update", "--error-on=any")
    assert refused.returncode != 0
    assert "NO_PUBKEY" in refused.stderr


def test_apt_refuses_an_unsigned_release(apt: Apt, built: Repository) -> None:
    (built.directory / "dists/stable/InRelease").unlink()
    (built.directory / "dists/stable/Release.gpg").unlink()
    refused = apt("update", "--error-on=any")
    assert refused.returncode != 0
    assert "is not signed" in refused.stderr


def test_apt_refuses_a_package_that_someone_changed(apt: Apt, built: Repository) -> None:
    assert apt("update", "--error-on=any").returncode == 0
    deb = built.directory / "pool" / "chaind_1.2.3_amd64.deb"
    content = bytearray(deb.read_bytes())
    content[-20] ^= 1
    deb.write_bytes(content)
    refused = apt("download", "chaind")
    assert refused.returncode != 0
    assert "Hash Sum mismatch" in refused.stderr or "Hashes of" in refused.stderr


def test_a_second_call_builds_and_signs_nothing(built: Repository, tmp_path: Path, keys: Path) -> None:
    before = stamps(built.directory)
    again = repository(built.directory, keys, [client(tmp_path)])
    assert (again.built, again.signed) == ((), False)
    assert stamps(built.directory) == before


def test_a_package_is_the_same_bytes_wherever_it_is_built(built: Repository, tmp_path: Path, keys: Path) -> None:
    elsewhere = repository(tmp_path / "elsewhere", keys, [client(tmp_path)])
    name = "pool/chaind_1.2.3_amd64.deb"
    assert sha256(elsewhere.directory / name) == sha256(built.directory / name)


def test_a_new_version_takes_the_place_of_the_old(built: Repository, tmp_path: Path, keys: Path, apt: Apt) -> None:
    after = repository(built.directory, keys, [client(tmp_path, version="1.2.4")])
    assert (after.built, after.signed) == (("chaind_1.2.4_amd64.deb",), True)
    assert [path.name for path in (built.directory / "pool").glob("*.deb")] == ["chaind_1.2.4_amd64.deb"]
    assert apt("update", "--error-on=any").returncode == 0
    assert apt("download", "chaind=1.2.4").returncode == 0


def test_a_damaged_package_is_built_again(built: Repository, tmp_path: Path, keys: Path, apt: Apt) -> None:
    deb = built.directory / "pool" / "chaind_1.2.3_amd64.deb"
    deb.write_bytes(deb.read_bytes()[:100])
    assert repository(built.directory, keys, [client(tmp_path)]).built == (deb.name,)
    assert apt("update", "--error-on=any").returncode == 0
    assert apt("download", "chaind").returncode == 0


def test_a_build_that_was_killed_leaves_nothing_in_the_pool(built: Repository, tmp_path: Path, keys: Path) -> None:
    (built.directory / "pool/.building-abandoned/tree").mkdir(parents=True)
    repository(built.directory, keys, [client(tmp_path)])
    assert not list((built.directory / "pool").glob(".building-*"))


def test_the_secret_key_is_for_its_owner_alone(built: Repository, keys: Path) -> None:
    assert keys.stat().st_mode & 0o777 == 0o700
    secrets = list((keys / "private-keys-v1.d").iterdir())
    assert secrets
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets)
    assert b"PRIVATE" not in built.keyring.read_bytes()
    assert not list(built.directory.rglob("*private*"))


def test_a_key_whose_agent_does_not_answer_is_not_taken_for_absent(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = archive_key(keys)
    gpg = tmp_path / "bin" / "gpg"
    gpg.parent.mkdir()
    refused = '*" --list-secret-keys "*|*" --quick-generate-key "*'
    gpg.write_text(f'#!/bin/sh\ncase " $* " in {refused}) exit 2;; esac\nexec {which("gpg")} "$@"\n')
    gpg.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gpg.parent}:{os.environ['PATH']}")
    assert archive_key(keys) == made


def test_a_download_of_the_pinned_checksum_is_packaged(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESTATE_CACHE", str(tmp_path / "cache"))
    source = program(tmp_path)
    pinned = Download(url=source.as_uri(), sha256=sha256(source))
    made = repository(
        tmp_path / "r", keys, [chain_client(package="gaiad", version="25.1.0", daemon="gaiad", program=pinned)]
    )
    assert made.built == ("gaiad_25.1.0_amd64.deb",)


def test_a_download_of_another_checksum_is_refused_and_not_kept(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESTATE_CACHE", str(tmp_path / "cache"))
    source = program(tmp_path)
    pinned = Download(url=source.as_uri(), sha256="0" * 64)
    package = chain_client(package="gaiad", version="25.1.0", daemon="gaiad", program=pinned)
    with pytest.raises(DownloadRefused, match=f"has the SHA-256 {sha256(source)}, but the declaration pins 0000"):
        repository(tmp_path / "r", keys, [package])
    assert not list((tmp_path / "cache/downloads").iterdir())
    assert not (tmp_path / "r/dists").exists()


def stamps(directory: Path) -> dict[str, tuple[int, int]]:
    """Inode and modification time of each file: what a rewrite changes even where the content is the same."""
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
