"""A run that is told to stop says what is kept and how to go on, and ends with the usual exit code."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.train.small import run, source

import polytask
from polytask.core.interrupts import deaf_to_ctrl_c, ended_at_once, interruptible
from polytask.data import Source
from polytask.demo.both_halves import run_demo

ROOT = Path(__file__).parents[2]


def test_ctrl_c_names_the_folder_and_how_to_go_on(tmp_path):
    def validate(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"nothing is kept. A run with `directory` and `resume=True`"):
        run(None, validate=validate)
    told = rf"folder {tmp_path} is kept. To go on, call `train` again with the same `directory`"
    with pytest.raises(KeyboardInterrupt, match=told + r".*It holds no saved step yet"):
        run(tmp_path, validate=validate)
    run(tmp_path, source=Stopping())
    stopping = Stopping()
    stopping.at = 5
    with pytest.raises(KeyboardInterrupt, match=told + r" and `resume=True`\.$"):
        run(tmp_path, n_steps=8, source=stopping)


class Stopping(Source):
    """Interrupts the run at one of its steps."""

    at = -1

    def step(self, index):
        """See `Source.step`."""
        if index == self.at:
            raise KeyboardInterrupt
        return source().step(index)


def test_of_blocks_in_each_other_the_outermost_speaks(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt, match="To go on, say please"),
        interruptible(tmp_path, again="say please", keep="a folder"),
        interruptible(None, again="say nothing", keep="nothing"),
    ):
        raise KeyboardInterrupt


def test_what_has_no_folder_names_none_of_a_training_inside():
    with (
        pytest.raises(KeyboardInterrupt, match=r"^Stopped\.$"),
        interruptible(),
        interruptible(keep="a folder"),
    ):
        raise KeyboardInterrupt


def test_a_process_that_begins_does_not_hear_ctrl_c():
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    program = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    with deaf_to_ctrl_c():
        ended = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"goes on\n", b"")
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == heard


def test_ctrl_c_comes_as_a_termination_to_what_ends_its_processes_itself():
    program = (  # in a process that has no other threads: any of them might take the signal
        "import os, signal, threading\n"
        "from polytask.core.interrupts import ctrl_c_as_termination\n"
        "heard = threading.Event()\n"
        "signal.signal(signal.SIGTERM, lambda *_: heard.set())\n"
        "with ctrl_c_as_termination():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print(any(heard.wait(0.1) for _ in range(600)))\n"  # one long wait may begin as it comes
        "heard.clear()\n"
        "with ctrl_c_as_termination():\n"
        "    pass\n"
        "print(heard.is_set() or signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["True", "False"], ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_server_would_only_note_ends_what_it_loads(number):
    noted = []
    before = signal.signal(number, lambda *_: noted.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), ended_at_once():
            os.kill(os.getpid(), number)
            signal.pause()
        os.kill(os.getpid(), number)
        assert noted == [number]
    finally:
        signal.signal(number, before)


def test_the_first_process_that_is_spawned_does_not_hear_it_either():
    program = (
        "import multiprocessing, signal\n"
        "from polytask.core.interrupts import deaf_to_ctrl_c\n"
        "with deaf_to_ctrl_c():\n"
        "    multiprocessing.get_context('spawn').Process(target=print, args=('begun',)).start()\n"
        "    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert sorted(ended.stdout.split()) == ["True", "begun"], ended.stderr


def test_the_handler_of_sigterm_is_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(None, again="", keep=""):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_of_the_program_and_other_threads_are_left_alone():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        with interruptible(None, again="", keep=""):
            os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [1]
        thread = threading.Thread(target=run, args=(None,))
        thread.start()
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sigterm_exits_with_143_and_a_message_and_what_was_open_is_closed(tmp_path, capsys):
    closed = []
    with pytest.raises(SystemExit) as stop, interruptible(tmp_path, again="call again", keep="a folder"):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            closed.append(True)
    assert stop.value.code == 143 and closed == [True]
    assert f"the resume folder {tmp_path} is kept. To go on, call again." in capsys.readouterr().err


# A shell starts what it runs in the background with SIGINT ignored, and Python keeps it so.
# Its copies have imported torch as they start; it waits for them, and writes how each ended.
SCRIPT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from tests.train.small import run
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    process = os.fork()
    if not process:
        break
    _, status = os.waitpid(process, 0)
    (folder / name / "code").write_text(str(os.waitstatus_to_exitcode(status)))
else:
    sys.exit()
folder = folder / name
folder.mkdir()
told = os.open(folder / "told", os.O_CREAT | os.O_WRONLY)
os.dup2(told, 2)
def validate(_):
    print(os.getpid(), flush=True)
    time.sleep(60)
run(folder / "work", validate=validate)
"""


@pytest.mark.slow  # the tests above have the messages and the codes, without the end of a process
def test_a_program_that_trains_ends_with_the_usual_code(tmp_path):
    # torch imports it as the process ends, where it is installed; it runs text as code, as namedtuples do.
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "tabulate.py").write_text("exec('1')\ndef tabulate(*_, **__): return ''\n")
    places = f"{tmp_path / 'packages'}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PYTHONPATH": places}
    ends = {"SIGTERM": 143, "SIGINT": -signal.SIGINT}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), *ends]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    for name in ends:
        os.kill(int(process.stdout.readline()), signal.Signals[name])
    process.communicate(timeout=600)
    for name, code in ends.items():
        folder = tmp_path / name
        told = (folder / "told").read_text()
        assert int((folder / "code").read_text()) == code
        assert f"the resume folder {folder / 'work'} is kept" in told
        assert ("Traceback" in told) == (name == "SIGINT")
        left = [path.name for path in (folder / "work").iterdir()] if (folder / "work").exists() else []
        assert left in ([], ["metrics.csv"])


def test_ctrl_c_while_torch_is_imported_says_what_is_kept(tmp_path):
    """A torch whose import was interrupted must not be imported again by the message."""
    folder = tmp_path / "torch"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise KeyboardInterrupt\n")
    program = (
        "from polytask.core.interrupts import interruptible\n"
        "with interruptible(None, again='', keep='a folder'):\n"
        "    import torch\n"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Stopped; nothing is kept. A run with a folder" in ended.stderr.splitlines()[-1]


def stopped(*_, **__):
    with interruptible(keep="a setting of something inside"):
        raise KeyboardInterrupt


def table():
    draw = np.random.default_rng(0)
    return pd.DataFrame({"x": draw.normal(size=60), "task": np.arange(60) % 6, "a": draw.normal(size=60)})


DOORS = {
    "a prior": lambda _: polytask.learn(lambda _: (torch.randn(6, 1), torch.randn(6)), steps=1),
    "tasks": lambda _: polytask.learn(table(), task_column="task", target="a", learner="cnp", steps=1),
    "demo": lambda folder: run_demo(folder / "demo"),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_door_that_keeps_nothing_names_no_setting_of_a_training_inside(monkeypatch, tmp_path, door):
    monkeypatch.setattr("polytask.train.loop.fabric_for", stopped)
    monkeypatch.setattr("polytask.demo.both_halves.ask_helping_world", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"^Stopped\.$"):
        DOORS[door](tmp_path)
