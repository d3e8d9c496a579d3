"""A prompts file that is another when a run goes on: no prompt runs twice, and none is skipped."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

RUN = Path("runs/mine")


@pytest.fixture
def ids(rows_of):
    """List the ids of all rows that the run wrote."""

    def look() -> list[str]:
        files = ("trajectories.jsonl", "failed_trajectories.jsonl")
        return sorted(row["id"] for file in files for row in rows_of(RUN, file))

    return look


def named(letters: str) -> list[dict[str, str]]:
    """Make a row for each letter."""
    return [{"id": letter, "prompt": letter} for letter in letters]


@pytest.mark.parametrize("letters", ["dcba", "bxaydzc", "xyzabcd"])
def test_rows_may_stand_elsewhere_and_new_ones_between_them(
    begin, resume, prompts, endpoint, ids, letters
):
    """What is new is asked for, and what had failed; all else is known by its id."""
    begin("abcd", broken="c")
    prompts(*named(letters))
    done = resume()
    assert done.code == 0, done.err
    new = set(letters) - set("abcd")
    kept = f"sessions kept: 3, going on: 1, to begin: {len(new)}"
    assert kept in done.err
    assert endpoint.prompts == sorted({"c", *new})
    assert ids() == sorted(f"{letter}-0" for letter in letters)


def test_equal_rows_are_told_apart_by_their_number(command, prompts, endpoint, resume, ids):
    """One more of them is one more session, wherever it stands; so it is with equal ids."""
    plain, same = {"prompt": "plain"}, {"id": "s", "prompt": "same"}
    path = prompts(plain, same, plain, same)
    typed = ["--model", "m", "--base-url", endpoint.url, "--name", RUN.name, "--no-stream"]
    assert command(*typed, path).code == 0
    assert len(set(ids())) == 4
    prompts(same, plain, same, plain, plain, same)
    done = resume()
    assert done.code == 0, done.err
    assert "sessions kept: 4, going on: 0, to begin: 2" in done.err
    assert Counter(endpoint.prompts) == {"plain": 3, "same": 3}
    assert len(set(ids())) == len(ids()) == 6


def test_rows_that_are_gone_are_reported_and_their_sessions_kept(
    begin, resume, prompts, endpoint, ids
):
    """On the screen, in the sum and in run.json; one that comes back is not asked for again."""
    begin("abcd", broken="d")
    prompts(*named("ae"))
    done = resume()
    assert done.code == 3, done.err
    assert (
        "3 sessions are of rows or samples that are gone ('b-0', 'c-0', 'd-0'); they are kept\n"
        in done.err
    )
    assert "2 sessions + 3 of rows or samples that are gone: " in done.err
    assert "4 completed + 1 model_error + 0 not started" in done.err
    assert (endpoint.prompts, ids()) == (["e"], ["a-0", "b-0", "c-0", "d-0", "e-0"])
    prompts(*named("abcde"))
    done = resume()
    assert done.code == 0, done.err
    assert "that are gone" not in done.err
    assert endpoint.prompts == ["d", "e"]
    assert ids() == ["a-0", "b-0", "c-0", "d-0", "e-0"]


def test_what_the_run_says_of_rows_that_are_gone_balances(
    begin, resume, prompts, command, resumptions
):
    """``verify`` and ``status`` count them as the report does."""
    begin("abc", broken="c")
    prompts(*named("c"))
    assert resume().code == 0
    (fact,) = resumptions()
    assert (fact["rows"], fact["sessions_of_rows_gone"]) == (1, 2)
    assert fact["gone"] == ["a-0", "b-0"]
    assert command("verify", RUN).code == 0
    assert "3 completed" in command("status", RUN).out


@pytest.mark.parametrize("begun", [False, True])
def test_a_row_whose_content_changed_is_refused_unless_drift_is_allowed(
    begin, resume, prompts, endpoint, tree, begun
):
    """Each by its key, whether its session is over or goes on; the prompt it began with stays."""
    begin("ab", broken="b" if begun else "")
    prompts({"id": "a", "prompt": "a"}, {"id": "b", "prompt": "other"})
    before = tree()
    done = resume()
    assert (done.code, endpoint.asked, tree()) == (2, [], before)
    assert "\n  row 'b' has another content\n" in done.err
    done = resume("--allow-drift")
    assert done.code == 0, done.err
    assert "going on although this changed: the content of 1 row ('b')\n" in done.err
    assert endpoint.prompts == ["b"] * begun
    done = resume()
    assert done.code == 0, done.err
    assert "although" not in done.err


def test_a_row_that_names_other_tools_is_refused(command, prompts, endpoint, resume, row_of):
    """It is a row with another content; where that is allowed its session gets the new ones."""
    endpoint.answers["a"] = [400]
    path = prompts({"id": "a", "prompt": "a", "toolsets": ["file"]})
    typed = ["--model", "m", "--base-url", endpoint.url, "--name", RUN.name, "--no-stream"]
    assert command(*typed, path).code == 3
    prompts({"id": "a", "prompt": "a", "toolsets": ["search"]})
    done = resume()
    assert done.code == 2
    assert "row 'a' has another content" in done.err
    assert resume("--allow-drift").code == 0
    assert set(row_of("a-0")["flags"]) == {"drift:tools", "drift:row"}
    (offered,) = endpoint.asked[-1]["tools"]
    assert offered["function"]["name"] == "search_files"


def test_many_changed_rows_are_counted(begin, resume, prompts):
    """The first few are named."""
    begin("abcdefgh")
    prompts(*[{"id": letter, "prompt": f"other {letter}"} for letter in "abcdefgh"])
    done = resume()
    assert done.code == 2
    assert done.err.count("has another content") == 5
    assert "and so it is with 3 more rows" in done.err


def test_the_prompts_may_have_moved(begin, resume, prompts, write_rows, endpoint):
    """Where they are is said once; the run remembers it, in whatever folder it goes on."""
    begin("ab", broken="b")
    prompts().unlink()
    path = write_rows("elsewhere.jsonl", *named("abc"))
    done = resume("--prompts", path.name)
    assert done.code == 0, done.err
    assert endpoint.prompts == ["b", "c"]
    write_rows("elsewhere.jsonl", *named("abcd"))
    assert resume().code == 0
    assert endpoint.prompts == ["b", "c", "d"]


def test_rows_that_can_not_be_used_are_listed_as_they_are_now(command, prompts, endpoint, resume):
    """One that was mended runs, one that was spoilt is listed; strict, it is refused."""
    typed = ["--model", "m", "--base-url", endpoint.url, "--name", RUN.name, "--no-stream"]
    assert command(*typed, prompts({"id": "a", "prompt": "a"}, "bad")).code == 0
    prompts({"id": "a", "prompt": "a"}, {"id": "b", "prompt": "b"}, "{}", "[")
    before = (RUN / "rejects.jsonl").read_bytes()
    done = resume("--strict")
    assert (done.code, endpoint.prompts) == (2, ["a"])
    assert "line 3: no prompt" in done.err
    assert (RUN / "rejects.jsonl").read_bytes() == before
    done = resume()
    assert done.code == 0, done.err
    assert "2 rows rejected" in done.err
    assert endpoint.prompts == ["a", "b"]
    assert len((RUN / "rejects.jsonl").read_bytes().splitlines()) == 2
    assert not list(RUN.glob(".*"))


def test_a_limit_that_was_there_may_go(begin, resume, endpoint):
    """The rows beyond it are begun; to set one again leaves their sessions where they are."""
    begin("abcd", "--limit", 2)
    done = resume("--limit", 3)
    assert done.code == 0, done.err
    assert endpoint.prompts == ["c"]
    done = resume("--limit", 1)
    assert done.code == 0, done.err
    assert "1 session + 2 of rows or samples that are gone: 3 completed" in done.err
    assert endpoint.prompts == ["c"]
