"""Many framings: order, errors as lines, several processes, and going on after any end."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import advisor
from advisor.cli import main

TEXTS = [f"How many hours will job {n} take, from what we know of it?" for n in range(40)]


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def asked(tmp_path):
    return write(tmp_path / "in.jsonl", [{"id": f"job-{n}", "text": text} for n, text in enumerate(TEXTS)])


def batch(source, out, *options):
    return main(["batch", str(source), str(out), *options])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_line_is_answered_in_order_as_frame_would(asked, tmp_path, workers, capsys):
    out = tmp_path / "out.jsonl"
    assert batch(asked, out, "--workers", workers) == 0
    found = read(out)
    assert [record["id"] for record in found] == [f"job-{n}" for n in range(len(TEXTS))]
    assert [record["line"] for record in found] == list(range(1, len(TEXTS) + 1))
    assert found[7]["framing"] == json.loads(advisor.frame(TEXTS[7]).to_json())
    assert "40 lines written" in capsys.readouterr().err


def test_answers_tables_and_targets_are_taken(tmp_path):
    table = {"columns": ["rooms", "price"], "rows": [[n % 5, 100.5 + n] for n in range(30)]}
    records = [
        {"text": "hello", "answers": {"what-comes-out": "number"}},
        {"text": "What will it cost?", "table": table, "target": "price"},
    ]
    out = tmp_path / "out.jsonl"
    assert batch(write(tmp_path / "in.jsonl", records), out) == 0
    first, second = read(out)
    assert (first["id"], first["framing"]["category"]) == (1, "regression")
    assert second["framing"]["card"]["target"] == "price"


WRONG = [
    (b"{bad", "line_invalid"),
    (b"[]", "line_invalid"),
    (b"\xff", "line_invalid"),
    (b'{"text": "a", "text": "b"}', "line_invalid"),
    (b'{"txet": "a"}', "line_invalid"),
    (b'{"id": [], "text": "a"}', "line_invalid"),
    (b'{"id": true, "text": "a"}', "line_invalid"),
    (b'{"text": NaN}', "line_invalid"),
    (b"[" * 100_000, "line_invalid"),
    (b'{"text": ""}', "description_empty"),
    (b"{}", "description_not_text"),
    (b'{"text": "hello\\ud800"}', "description_surrogate"),
    (b'{"text": "hello", "answers": {"x": "y"}}', "usage"),
    (b'{"text": "hello", "answers": 3}', "usage"),
    (b'{"text": "hello", "target": 3, "table": {"columns": ["a"], "rows": [[1]]}}', "table_refused"),
    (b'{"text": "hello", "table": "/etc/passwd"}', "table_refused"),
    (b'{"text": "hello", "table": {}}', "table_refused"),
    (b'{"text": "' + b"a" * 1_100_000 + b'"}', "line_too_long"),
]


def test_what_is_wrong_with_a_line_is_told_in_its_line_and_stops_nothing(tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join([*(line for line, _ in WRONG), b"", b'{"text": "How many hours?"}']))
    assert batch(source, out) == 0
    found = read(out)
    assert [(record["id"], record["error"]["code"]) for record in found[:-1]] == [
        (number, code) for number, (_, code) in enumerate(WRONG, 1)
    ]
    assert found[-1]["id"] == len(WRONG) + 2  # an empty line is a line, and asks nothing
    assert found[-1]["framing"]["category"] == "regression"


def test_an_id_that_comes_twice_is_an_error_once_and_for_all(tmp_path):
    source = write(tmp_path / "in.jsonl", [{"id": "a", "text": "one"}, {"id": "a", "text": "two"}])
    out = tmp_path / "out.jsonl"
    for _ in range(2):
        assert batch(source, out) == 0
        assert [(one["id"], one.get("error", {}).get("code")) for one in read(out)] == [("a", None), ("a", "id_twice")]


@pytest.mark.parametrize("cut", [0, 1, 200, 30_000, 60_001])
def test_a_run_that_was_cut_off_anywhere_goes_on_to_the_same_bytes(asked, tmp_path, cut):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert batch(asked, whole) == 0
    out.write_bytes(whole.read_bytes()[: -cut or None])
    assert batch(asked, out, "--workers", "2" if cut == 30_000 else "1") == 0
    assert out.read_bytes() == whole.read_bytes()


def test_new_lines_of_the_input_are_added(asked, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    assert batch(asked, out) == 0
    with asked.open("a") as file:
        file.write('{"id": "new", "text": "hello"}\n')
    assert batch(asked, out) == 0
    assert [record["id"] for record in read(out)][-2:] == ["job-39", "new"]
    assert "40 were there already" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["hello\n", "{}\n", "[1]\n", '{"id": [1]}\n'])
def test_a_file_of_somebody_else_is_left_alone(asked, tmp_path, content, capsys):
    out = tmp_path / "notes.txt"
    out.write_text(content)
    assert batch(asked, out) == 3
    assert out.read_text() == content
    assert "name another output" in capsys.readouterr().err


def test_killed_anywhere_it_goes_on_to_the_same_bytes(asked, tmp_path):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert batch(asked, whole) == 0
    command = [sys.executable, "-m", "advisor", "batch", str(asked), str(out)]
    chance = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 0.9))
        process.kill()
        process.wait()
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    assert out.read_bytes() == whole.read_bytes()


def test_control_c_stops_all_processes_and_leaves_whole_lines(tmp_path):
    source = write(tmp_path / "in.jsonl", [{"text": f"How many hours will job {n} take?"} for n in range(5_000)])
    out = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "advisor", "batch", str(source), str(out), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    while not (out.exists() and out.stat().st_size):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().strip() == "advisor: stopped"
    assert out.read_bytes().endswith(b"\n")
    assert 0 < len(read(out)) < 5_000


def hears_control_c(process):
    """Whether Python has set its handler there, which it does before it imports anything of ours."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process}/status").read_text())
    return bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)


@pytest.mark.skipif(not Path("/proc").exists(), reason="children are told by Linux alone")
def test_control_c_while_the_workers_start_stops_them_without_a_traceback(tmp_path):
    source = write(tmp_path / "in.jsonl", [{"text": f"How many hours will job {n} take?"} for n in range(500)])
    command = [sys.executable, "-m", "advisor", "batch", str(source), str(tmp_path / "out.jsonl"), "--workers", "4"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while sum(hears_control_c(int(child)) for child in children.read_text().split()) < 3:
        time.sleep(0.005)  # of four, and one more that tracks what they share
    time.sleep(0.05)  # amid the imports
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().strip() == "advisor: stopped"


def test_two_runs_do_not_write_the_same_file(asked, tmp_path, capsys):
    import fcntl

    out = tmp_path / "out.jsonl"
    with out.open("ab") as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        assert batch(asked, out) == 3
    assert "another run" in capsys.readouterr().err
    assert out.read_bytes() == b""


def test_a_bar_is_shown_on_a_terminal_alone(asked, tmp_path):
    import pty
    import termios

    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 80))
    command = [sys.executable, "-m", "advisor", "batch", str(asked), str(tmp_path / "out.jsonl")]
    process = subprocess.Popen(command, stderr=child)
    os.close(child)
    seen = b""
    while True:
        try:
            chunk = os.read(parent, 65_536)
        except OSError:  # Linux's end of file on a pseudo-terminal
            break
        if not chunk:
            break
        seen += chunk
    os.close(parent)
    assert process.wait() == 0
    assert b"100%" in seen
    assert b"40/40" in seen
    quiet = subprocess.run(command, capture_output=True)
    assert quiet.stderr.count(b"\n") == 1
