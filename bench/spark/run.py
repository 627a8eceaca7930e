#!/usr/bin/env python3
"""Runs the job of `tailor run` on Spark and on Tailor in turn, compares the outputs, prints the table. See README.md."""

from sidebyside.cli import main

if __name__ == "__main__":
    main()
