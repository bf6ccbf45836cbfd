"""Prints a digest of what schedules came to: traces and files. Run as a program, by tests that compare processes."""

import hashlib
import sys

from tests.simulation.faults import profile_of
from tests.simulation.schedule import Outcome, run_schedule

__all__ = ["digest"]


def digest(outcome: Outcome) -> str:
    """A digest of the trace and of every file."""
    hash = hashlib.blake2b(digest_size=16)
    for line in outcome.trace:
        hash.update(f"{line}\n".encode())
    for name, inode in sorted(outcome.files.items()):
        hash.update(name.encode())
        hash.update(inode.cache)
        hash.update(inode.durable)
    return hash.hexdigest()


if __name__ == "__main__":
    digests = {seed: digest(run_schedule(seed, profile_of(seed))) for seed in map(int, sys.argv[1:])}
    sys.stdout.writelines(f"{seed} {each}\n" for seed, each in sorted(digests.items()))
