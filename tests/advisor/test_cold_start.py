"""What makes `advisor frame TEXT` start quickly, and that it answers as any other call does."""

import subprocess
import sys

import pytest

from advisor import cli


@pytest.mark.parametrize("text", ["How many?", "two words", "", "@file", "a=b"])
def test_the_plainest_call_is_read_as_the_parser_reads_it(text):
    arguments = ["frame", text]
    assert vars(cli._plainest(arguments)) == vars(cli.parser("frame").parse_args(arguments))


@pytest.mark.parametrize("arguments", [[], ["frame"], ["frame", "-"], ["frame", "-h"], ["start", "x"], ["frame"] * 3])
def test_every_other_call_goes_to_the_parser(arguments):
    assert cli._plainest(arguments) is None


def test_the_plainest_call_loads_no_parser():
    program = (
        "import sys; from advisor.cli import main; main(['frame', 'How many?']); sys.exit('argparse' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0
