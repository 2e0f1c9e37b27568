"""User data: followed as cloud-init would, or refused; never half-followed."""

import pytest

from lab.machines import cloud_config
from lab.machines.cloud_config import UserData, UserDataError, WrittenFile


@pytest.mark.parametrize("text", [None, "", "  \n", "#cloud-config\n"])
def test_no_user_data_asks_for_nothing(text: str | None) -> None:
    assert cloud_config.parse(text) == UserData()


def test_a_script_is_taken_as_it_is() -> None:
    assert cloud_config.parse("#!/bin/sh\nexit 0\n") == UserData(script="#!/bin/sh\nexit 0\n")


def test_commands_run_in_order_and_a_list_is_one_command_whatever_is_in_its_words() -> None:
    user_data = cloud_config.parse("#cloud-config\nruncmd:\n- echo $HOME\n- [echo, $HOME, it's]\n")
    assert user_data.script == "#!/bin/sh\necho $HOME\n'echo' '$HOME' 'it'\\''s'\n"


def test_written_files_take_their_mode_in_octal_and_their_content_in_base64() -> None:
    text = "#cloud-config\nwrite_files:\n- {path: /etc/a, content: aGVsbG8=, encoding: b64, permissions: '0750'}\n"
    assert cloud_config.parse(text).files == (WrittenFile("/etc/a", b"hello", 0o750),)


def test_what_every_machine_has_anyway_may_be_said() -> None:
    text = "#cloud-config\nhostname: a\npreserve_hostname: false\nmanage_etc_hosts: true\ndisable_root: true\n"
    assert cloud_config.parse(text + "ssh_pwauth: false\n") == UserData(hostname="a")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo hello", "must start with '#!' or '#cloud-config'"),
        ("#include\nhttp://example.net/", "must start with '#!' or '#cloud-config'"),
        ("#cloud-config\n- a\n", "must be a mapping"),
        ("#cloud-config\na: [", "is not YAML"),
        ("#cloud-config\npackages: [nginx]\n", "'packages': not among"),
        ("#cloud-config\nssh_pwauth: true\n", "ssh_pwauth: True: must be False"),
        ("#cloud-config\ndisable_root: false\n", "disable_root: False: must be True"),
        ("#cloud-config\nwrite_files:\n- {path: etc/a}\n", "needs an absolute path"),
        ("#cloud-config\nwrite_files:\n- {path: /etc/../a}\n", "needs an absolute path"),
        ("#cloud-config\nwrite_files:\n- {path: /a, append: true}\n", "no key \\['append'\\]"),
        ("#cloud-config\nwrite_files:\n- {path: /a, owner: debian}\n", "must be root:root"),
        ("#cloud-config\nwrite_files:\n- {path: /a, encoding: gzip}\n", "must be text/plain or b64"),
        ("#cloud-config\nwrite_files:\n- {path: /a, encoding: b64, content: '!'}\n", "not base64"),
    ],
)
def test_what_would_not_be_followed_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UserDataError, match=reason):
        cloud_config.parse(text)
