"""What each family does where the tools tell it something it did not expect."""

from __future__ import annotations

import json

import pytest

from hermes_run.models.simulated.families import FAMILIES
from hermes_run.models.simulated.steps import Puzzled, Result, Task, Turn

GONE = Result("No such file or directory", failed=True)
OK = Result("")


def play(prompt: str, *results: tuple[Result, ...]) -> Turn:
    """Go through a task without any mistake of the policy's own; give its turn after *results*."""
    steps = next(filter(None, (family.begin(Task(prompt)) for family in FAMILIES)))
    following = next(steps)
    try:
        for each in results:
            following = steps.send(each)
    except StopIteration as end:
        return end.value
    return following


COUNT_ALL = "Count the words of each of the .txt files in src/; write to b.txt."
FIND = "Which files in src/ say 'x y'? Write their paths to b.txt."
SUM = "Sum the x column of a.csv and write it to b.txt."
RENAME = "Rename the constant AB to CD in src/."
CHANGE = "Change AB from 1 to 2 in src/."
CONVERT = "Convert a.csv to b.json."
MERGE = "Merge a.json and b.json into c.json."


def r(text: str) -> Result:
    """Make a result that says *text*."""
    return Result(text)


@pytest.mark.parametrize(
    ("prompt", "results", "why"),
    [
        (COUNT_ALL, [(r("Nothing found in src for '*.txt'"),)], r"no \*\.txt files in src"),
        (COUNT_ALL, [(GONE,)], "the search failed"),
        (COUNT_ALL, [(r("src/a.txt"),), (r("4"),), (OK,), (r("src/a.txt 5"),)], "does not hold"),
        (FIND, [(r("Nothing found"), OK)], "nothing in src says"),
        (FIND, [(r("src/a.txt:1:x y"), OK), (r("1|something else"),)], "does not say"),
        (SUM, [(r("1|y,z"), r("3"))], "no column x; it has y, z"),
        (SUM, [(r("1|x,z"), r("3")), (r("NaN"),)], "expected a figure and got: NaN"),
        (SUM, [(r("1|x,z"), r("3")), (GONE,)], "a command failed"),
        (RENAME, [(r("Nothing found"),)], "AB stands nowhere in src"),
        (RENAME, [(r("src/a:1:AB"),), (OK,), *[(r("src/a:1:AB"),)] * 5], "AB is still there"),
        (CHANGE, [(r("src/a:1:AB = 3"),)], "AB is 1 nowhere in src"),
        (CHANGE, [(r("src/a:1:AB = 1"),), (OK,), (r("src/a:1:AB = 1"),)], "AB is still 1"),
        (CONVERT, [(r("1|x,y\n2|1,2"), r("900"))], "too long for me: 900 lines"),
        (CONVERT, [(r("1|x,y\n2|1,2"), r("2")), (OK,), (r("7"),)], "b.json has 7 lines"),
        ("Convert a.json to b.csv.", [(r("1|{}"), r("1"))], "not what its name says"),
        ("Convert a.json to b.csv.", [(r("1|[1"), r("1"))], "not what its name says"),
        (MERGE, [(r("1|{}"), r("1|{"))], "b.json is not valid JSON"),
        (MERGE, [(r("1|{}"), r("1|{}")), (OK,), (GONE,)], "c.json is not valid JSON"),
        ("Make all file names in src/ lower case.", [(r("a\nA"),)], "same name"),
        ("Make all file names in src/ lower case.", [(r("a\nb"),)], "needs another name"),
        (
            "Make all file names in src/ lower case.",
            [(r("A"),), (OK,), (r("A"),)],
            "does not show all new names",
        ),
        ("Extract all links from a.txt to b.txt.", [(r("nothing"),)], "looks like that"),
        (
            "Extract all links from a.txt to b.txt.",
            [(r("http://a.b/c"),), (OK,), (r("0"),)],
            "holds 0 lines and not 1",
        ),
        ("Write the most frequent word of a.txt to b.txt.", [(OK,), (OK,)], "expected counts"),
    ],
)
def test_what_does_not_fit_is_given_up_with_its_reason(prompt, results, why):
    """The reason names what was expected and what came."""
    with pytest.raises(Puzzled, match=why):
        play(prompt, *results)


def test_a_copy_that_is_incomplete_is_not_called_done():
    """Where two counts differ the answer says so."""
    last = play("Copy the ERROR lines of a.log to b.log.", (r("3"), OK), (OK, r("2")))
    assert last.text == "Something is off: b.log may be incomplete."


def test_a_script_that_never_runs_is_given_up():
    """After five repairs the last error stands in the reason."""
    error = Result("File \"a.py\", line 1\nNameError: name 'tim' is not defined", failed=True)
    rounds = [(error, r("1|tim = tin"))] + [(OK,), (error, r("1|tim = tin"))] * 5
    with pytest.raises(Puzzled, match=r"a\.py still fails: NameError"):
        play("fix a.py", *rounds)


def test_a_script_that_is_not_broken_is_left_alone():
    """Nothing is patched and the answer says so."""
    assert play("fix a.py", (r("hi"), r("1|print('hi')"))).text == "a.py already ran. It prints: hi"


def test_a_constant_in_many_files_is_changed_a_few_files_at_a_time():
    """No turn has more than eight calls."""
    hits = r("\n".join(f"src/{number}.py:1:AB" for number in range(10)))
    turns = [play(RENAME, (hits,), (OK,), *[(OK,) * 8] * done) for done in range(3)]
    assert [len(turn.calls) for turn in turns] == [8, 2, 1]


def test_a_line_that_can_not_be_patched_is_changed_by_sed():
    """What is special to sed is escaped."""
    line = "AB = 1  # a/b [c]"
    turn = play(CHANGE, (r(f"src/a.py:1:{line}"),), (Result("twice", failed=True),))
    command = json.loads(turn.calls[0].arguments)["command"]
    new = r"AB = 2  # a\/b \[c\]"
    assert command == rf"sed -i 's/^AB = 1  # a\/b \[c\]$/{new}/' src/a.py"


def test_nested_objects_merge_and_other_values_give_way():
    """Objects merge key by key, lists follow one another, else the later file wins."""
    below, above = (
        r('1|{"a": {"x": 1}, "b": [1], "c": 1}'),
        r('1|{"a": {"y": 2}, "b": [2], "c": []}'),
    )
    written = json.loads(play(MERGE, (below, above)).calls[0].arguments)["content"]
    assert json.loads(written) == {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": []}
    written = json.loads(play(MERGE, (r("1|1"), r("1|2"))).calls[0].arguments)["content"]
    assert written == "2\n"


def test_rows_of_any_shape_are_converted_as_they_are():
    """A ragged row and a field that is no number are kept."""
    prompt = "Convert a.csv to b.json, numbers as numbers."
    turn = play(prompt, (r("1|x,y\n2|1.5,2,3\n3|007"), r("3")))
    rows = json.loads(json.loads(turn.calls[0].arguments)["content"])
    assert rows == [{"x": 1.5, "y": 2, "null": ["3"]}, {"x": "007", "y": None}]


@pytest.mark.parametrize(
    "prompt",
    [
        "Which value is used the most in a.txt? Write it to b.txt.",
        "How many words? Write it to b.txt.",
        "Convert a.doc to b.json.",
        "Merge a.json into b.json.",
        "Rename the files in src/ nicely.",
        "Sort my life.",
    ],
)
def test_half_a_task_is_no_task(prompt):
    """Where something is missing no family takes it."""
    assert all(family.begin(Task(prompt)) is None for family in FAMILIES)
