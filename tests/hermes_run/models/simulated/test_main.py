"""The simulated model as a process: it says where it is, serves, and stops when told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from hermes_run.models.simulated.__main__ import main


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_process_prints_its_address_serves_and_ends_with_0(stop):
    """The first line is the base URL; either signal ends it in order."""
    command = [sys.executable, "-m", "hermes_run.models.simulated", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(f"{url}/models", timeout=30) as response:
                assert json.load(response)["data"][0]["id"] == "simulated"
        finally:
            process.send_signal(stop)
        assert process.wait(30) == 0


def test_a_port_that_can_not_be_had_is_said_and_ends_with_2(capsys):
    """No traceback, one sentence."""
    assert main(["--port", "70000"]) == 2
    assert "can't listen on 127.0.0.1 port 70000" in capsys.readouterr().err
