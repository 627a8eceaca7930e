"""Tests of the runner itself: `python3 -m unittest discover chaos`."""
