"""The workflow for pull requests: the command line takes its commands, and it can do no more than it must.

Nothing here runs it: the host that does is not at hand. What is judged is the text.
"""

from __future__ import annotations

import copy
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import comment
from cli.__main__ import CHECKOUT, named, parser

FILE = CHECKOUT / ".github" / "workflows" / "estate.yml"
TEXT = FILE.read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
TRIGGERS = True
"""The key ``on``, as YAML 1.1 reads it."""

PERMISSIONS = {
    "check": {"actions": "read", "contents": "read", "security-events": "write"},
    "prove": {"contents": "read", "pull-requests": "write"},
    "plan": {"contents": "read", "id-token": "write"},
}
ACTIONS = {"actions/checkout", "github/codeql-action/upload-sarif"}
OWN_BRANCH = "github.event.pull_request.head.repo.full_name == github.repository"
HARMLESS = {"github.token", "runner.temp", "github.event.pull_request.number"}
"""What an expression may put into a step: chosen by the host, or a number."""

COMMAND = re.compile(r"(?:^|[\s(;|&])(bin/estate (?:[^\n]*?))(?=\s*(?:\d?>|\||&&|;|$))", re.MULTILINE)
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def steps(workflow: Any) -> Iterator[tuple[str, Any]]:
    for name, job in workflow["jobs"].items():
        yield from ((name, step) for step in job["steps"])


def scripts(workflow: Any) -> list[str]:
    """Every shell script, each command on one line, without the marker of a comment, which names a command too."""
    found = [step["run"] for _, step in steps(workflow) if "run" in step]
    return [each.replace("\\\n", " ").replace(comment.MARKER, "") for each in found]


def commands(workflow: Any) -> list[list[str]]:
    """Every line of ``bin/estate``, in words."""
    return [shlex.split(line)[1:] for script in scripts(workflow) for line in COMMAND.findall(script)]


def dangers(workflow: Any) -> list[str]:
    return list(_dangers(workflow))


def _dangers(workflow: Any) -> Iterator[str]:
    if set(workflow[TRIGGERS]) != {"pull_request", "push"}:
        yield "it must run for pull requests without the rights of their target, and for pushes"
    if workflow["permissions"] != {}:
        yield "no job may have a permission that it does not name"
    for name, job in workflow["jobs"].items():
        if job.get("permissions") != PERMISSIONS.get(name):
            yield f"{name}: its permissions must be {PERMISSIONS.get(name)}"
        if "timeout-minutes" not in job:
            yield f"{name}: it must end by itself"
    for name, step in steps(workflow):
        yield from _of_step(name, step)
    if "secrets" in str(workflow):
        yield "it must need no secret"


def _of_step(name: str, step: Any) -> Iterator[str]:
    if "run" in step and EXPRESSION.search(step["run"]):
        yield f"{name}: a shell must get values by its environment"
    for value in [*step.get("env", {}).values(), *step.get("with", {}).values()]:
        for inside in EXPRESSION.findall(str(value)):
            if inside.strip() not in HARMLESS and not re.fullmatch(r"vars\.ESTATE_[A-Z_]+", inside.strip()):
                yield f"{name}: {inside.strip()} is text of anybody"
    if "uses" in step:
        action, _, version = step["uses"].partition("@")
        if action not in ACTIONS:
            yield f"{name}: {action} is not known"
        if not re.fullmatch(r"[0-9a-f]{40}", version):
            yield f"{name}: {action} must be named by its commit"
        if action == "actions/checkout" and step.get("with", {}).get("persist-credentials") is not False:
            yield f"{name}: a token must not stay in the checkout"
        if action != "actions/checkout" and OWN_BRANCH not in str(step.get("if")):
            yield f"{name}: a fork has no right to {action}"
    if "GH_TOKEN" in step.get("env", {}) and OWN_BRANCH not in str(step.get("if")):
        yield f"{name}: a fork has no right to comment"
    if "GH_TOKEN" in step.get("env", {}) and "bin/estate" in step["run"].replace(comment.MARKER, ""):
        yield f"{name}: code of the change must not get a token"


def test_it_can_do_no_more_than_it_must() -> None:
    assert dangers(WORKFLOW) == []


def _step(workflow: Any, job: str, word: str) -> Any:
    return next(step for name, step in steps(workflow) if name == job and word in str(step))


SPOILED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda it: it[TRIGGERS].update(pull_request_target=None), "without the rights"),
    (lambda it: it.update(permissions="write-all"), "does not name"),
    (lambda it: it["jobs"]["prove"]["permissions"].update(contents="write"), "prove: its permissions"),
    (lambda it: it["jobs"].update(more={**it["jobs"]["prove"], "permissions": {}}), "more: its permissions"),
    (lambda it: it["jobs"]["check"].pop("timeout-minutes"), "end by itself"),
    (lambda it: _step(it, "check", "--sarif").update(run="echo ${{ github.head_ref }}"), "by its environment"),
    (lambda it: _step(it, "prove", "gh api")["env"].update(T="${{ github.event.pull_request.title }}"), "of anybody"),
    (lambda it: _step(it, "prove", "gh api")["env"].update(T="${{ secrets.KEY }}"), "no secret"),
    (lambda it: _step(it, "check", "checkout").update(uses="actions/checkout@v7"), "by its commit"),
    (lambda it: _step(it, "check", "checkout").update(uses="somebody/checkout@" + "a" * 40), "not known"),
    (lambda it: _step(it, "plan", "checkout").pop("with"), "must not stay"),
    (lambda it: _step(it, "check", "upload-sarif").update({"if": "always()"}), "no right to github"),
    (lambda it: _step(it, "prove", "gh api").pop("if"), "no right to comment"),
    (lambda it: _step(it, "prove", "gh api").update(run="bin/estate prove"), "must not get a token"),
]


@pytest.mark.parametrize(("spoil", "found"), SPOILED, ids=[each[1] for each in SPOILED])
def test_a_right_too_many_is_found(spoil: Callable[[Any], Any], found: str) -> None:
    workflow = copy.deepcopy(WORKFLOW)
    spoil(workflow)
    assert any(found in each for each in dangers(workflow))


def test_every_command_is_one_that_the_command_line_takes() -> None:
    lines = commands(WORKFLOW)
    assert {words[0] for words in lines} == {"--version", "check", "prove", "plan"}
    assert "".join(scripts(WORKFLOW)).count("bin/estate") == len(lines)
    for words in lines:
        _, rest = parser(*named(words)).parse_known_args(words)
        assert rest == []


WRONG = ["bin/estate check --sarf x >out", "if ! bin/estate chek; then", "x | bin/estate plan a b"]


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_is_found(line: str) -> None:
    (words,) = commands({"jobs": {"job": {"steps": [{"run": f"set -e\n{line}\n"}]}}})
    try:
        _, rest = parser(*named(words)).parse_known_args(words)
    except SystemExit:
        return
    assert rest != []


def test_it_finds_its_comment_by_the_marker_that_the_command_writes() -> None:
    step = _step(WORKFLOW, "prove", "gh api")
    assert f'startswith("{comment.MARKER}")' in step["run"]
    assert "github-actions[bot]" in step["run"]
    assert comment.MARKER in _step(WORKFLOW, "prove", "--diff")["run"], "a comment that says why there is none"


def test_the_version_of_every_action_is_written_beside_its_commit() -> None:
    used = re.findall(r"uses: (\S+)@(\S+)(.*)", TEXT)
    assert len(used) == sum("uses" in step for _, step in steps(WORKFLOW))
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", rest) for _, _, rest in used)
    assert len({(action, version, rest) for action, version, rest in used}) == len(ACTIONS)


def test_plans_are_made_only_where_a_role_is_named_and_never_for_forks() -> None:
    job = WORKFLOW["jobs"]["plan"]
    assert "vars.ESTATE_PLAN_ROLE != ''" in job["if"] and OWN_BRANCH in job["if"]
    assert "||" not in job["if"] and job["environment"] == "estate-plan"
    assert WORKFLOW["jobs"]["prove"]["if"] == "github.event_name == 'pull_request'"


def test_every_script_is_one_that_bash_reads() -> None:
    for script in scripts(WORKFLOW):
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[str]]:
    """Runs the script of the step of ``prove`` that has a word in it as the host does, with programs that only note how
    they were called. Returns these calls.
    """
    (tmp_path / "bin").mkdir()
    calls = tmp_path / "calls"
    gh = 'case "$*" in *--paginate*) printf "%s" "$IDS";; esac'
    for name, body in (("gh", gh), ("estate", 'printf "%s" "$PRINTED"; exit "$CODE"')):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} $*" >>"{calls}"\n{body}\n')
        program.chmod(0o755)

    def execute(word: str, **environment: str) -> list[str]:
        given = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_REPOSITORY": "company/estate",
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", _step(WORKFLOW, "prove", word)["run"]]
        subprocess.run(command, cwd=tmp_path, env={**given, **environment}, check=True)
        return calls.read_text().splitlines()

    return execute


def test_the_first_run_writes_the_comment_and_later_ones_change_it(
    run: Callable[..., list[str]], tmp_path: Path
) -> None:
    body = f"--field body=@{tmp_path}/comment.md"
    comments = "repos/company/estate/issues/7/comments"
    assert run("gh api", NUMBER="7", IDS="")[-1] == f"gh api --silent --method POST {comments} {body}"
    changed = f"gh api --silent --method PATCH repos/company/estate/issues/comments/41 {body}"
    assert run("gh api", NUMBER="7", IDS="41\n52\n")[-1] == changed


def test_the_comment_is_what_the_command_printed_whatever_its_exit_code(
    run: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert run("--diff", PRINTED="all of it", CODE="1") == [f"estate prove --all --diff {tmp_path}/base . --markdown"]
    assert (tmp_path / "comment.md").read_text() == (tmp_path / "summary.md").read_text() == "all of it"


def test_a_command_that_printed_nothing_is_told_and_never_reads_as_fine(
    run: Callable[..., list[str]], tmp_path: Path
) -> None:
    run("--diff", PRINTED="", CODE="2")
    first, said = (tmp_path / "comment.md").read_text().splitlines()
    assert first == comment.MARKER and said.startswith("**Not proved, and not compared:**") and "exit code 2" in said
