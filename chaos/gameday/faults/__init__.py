"""Implements the faults of a cluster. Each fault is a line that reads as a command; some can undo themselves.

processes   kill, stop, continue, start
links       the network between two processes
store       S3: what it answers, and what lies in it
state       etcd: its space, its history, its snapshots
machine     clocks, disks, spot notices, any shell command
"""

from . import links, machine, processes, state, store
from .registry import Fault, NotHere, catalogue, parse

__all__ = ["Fault", "NotHere", "catalogue", "links", "machine", "parse", "processes", "state", "store"]
