"""Writes the TensorFlow graphs of this folder, with TensorFlow's own answers.

    cases/NAME.pb    a frozen graph of one or a few ops
    cases/NAME.npz   its inputs by name (float32) and `expected` (float32 or int64)
    cases/NAME.sizes a size file, for the cases that need one
    cases.txt        one line per case: name | answer or answer-or-refusal | output node | what it is about
    refused/NAME.pb  a graph that must be refused
    refused.txt      one line per graph: name | nodes that the diagnostics must name | why

Run it with the packages of examples/requirements.txt. Every case seeds its numbers from its name, so that a new case
changes no other one.
"""

import shutil

import cases
import refusals
from harness import HERE, Case, Refused


def main():
    for folder in ("cases", "refused"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    cases.write()
    refusals.write()
    header = "# name | answer or answer-or-refusal | output node | what it is about. Written by generate.py.\n"
    (HERE / "cases.txt").write_text(header + "".join(Case.lines))
    header = "# name | nodes that the diagnostics must name | why. Written by generate.py.\n"
    (HERE / "refused.txt").write_text(header + "".join(Refused.lines))


if __name__ == "__main__":
    main()
