from engine.deploy import Counts, counts


def test_the_closing_line_of_a_run_gives_what_changed_failed_and_stood() -> None:
    assert counts("    Grand total                 75       30         1        44") == Counts(
        changed=30, failed=1, unchanged=44
    )


def test_a_dash_means_none() -> None:
    assert counts("    Grand total    75    -    -    75") == Counts(changed=0, failed=0, unchanged=75)


def test_other_lines_have_no_counts() -> None:
    assert counts("    Install packages    75    -    -    75") is None
