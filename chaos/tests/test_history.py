"""Tests the detection of contradictions to the invariants of claims and completions."""

import unittest

from gameday.history import Change, recorded, violations
from gameday.manifests import named_twice, uncovered, unrecorded

SHARD = "jobs/day/shards/org-1"


def claim(revision: int, number: int, is_there: bool = True) -> Change:
    return Change(revision, f"{SHARD}/claims/m-00001/{number}", {"attempt": number} if is_there else None)


def done(revision: int, number: int, token: int) -> Change:
    return Change(revision, f"{SHARD}/done/m-00001", {"attempt": f"a-{number}-{token:016x}"})


class Histories(unittest.TestCase):
    def found(self, *changes: Change) -> list[str]:
        return [id_ for id_, texts in violations(list(changes)).items() if texts]

    def test_a_task_that_is_claimed_lost_claimed_again_and_done_is_fine(self):
        self.assertEqual(
            self.found(claim(5, 1), claim(7, 1, False), claim(9, 2), claim(12, 2, False), done(12, 2, 9)), []
        )

    def test_a_number_that_does_not_rise_is_ls_1(self):
        self.assertEqual(self.found(claim(5, 2), claim(9, 2, False), claim(11, 2)), ["LS-1"])

    def test_a_task_that_is_done_twice_is_ls_2(self):
        self.assertEqual(self.found(claim(5, 1), claim(6, 2), done(8, 1, 5), done(9, 2, 6)), ["LS-2"])
        reopened = Change(9, f"{SHARD}/done/m-00001", None)
        self.assertEqual(self.found(claim(5, 1), done(8, 1, 5), reopened, claim(10, 2), done(11, 2, 10)), [])

    def test_a_completion_without_its_claim_is_ls_3(self):
        self.assertEqual(self.found(claim(5, 1), claim(7, 1, False), done(8, 1, 5)), ["LS-3"], "its lease had ended")
        self.assertEqual(self.found(claim(5, 1), done(8, 1, 4)), ["LS-3"], "another token")

    def test_a_token_is_the_revision_of_its_claim_on_top_of_the_term_of_its_leader(self):
        term = 0x9ABC_DEF0_1234_5678
        of_a_term = Change(5, f"{SHARD}/claims/m-00001/1", {"attempt": 1, "leader": f"{term:016x}"})
        self.assertEqual(self.found(of_a_term, done(8, 1, term + 5)), [])
        self.assertEqual(self.found(of_a_term, done(8, 1, 5)), ["LS-3"], "another term")
        before_terms = Change(5, f"{SHARD}/claims/m-00001/1", {"attempt": 1, "leader": f"{3:016x}"})
        self.assertEqual(self.found(before_terms, done(8, 1, 5)), [])

    def test_a_new_round_counts_from_one_again(self):
        def head(revision: int, number: int) -> Change:
            return Change(revision, "jobs/day/head", {"round": number})

        self.assertEqual(self.found(head(2, 1), claim(5, 1), claim(7, 1, False), head(9, 2), claim(11, 1)), [])
        self.assertEqual(self.found(head(2, 1), claim(5, 1), claim(7, 1, False), head(9, 1), claim(11, 1)), ["LS-1"])

    def test_a_plan_covers_each_segment_exactly_once(self):
        def plan(*ranges: tuple[int, int]) -> dict:
            splits = [{"segment": 0, "range": {"start": start, "end": end}} for start, end in ranges]
            return {"segments": [{"key": "a.seg", "size": 10}], "map_tasks": [[split] for split in splits]}

        self.assertEqual(uncovered(plan((0, 4), (4, 10))), [])
        for ranges in (((0, 4), (5, 10)), ((0, 5), (4, 10)), ((0, 4),), ()):
            self.assertEqual(uncovered(plan(*ranges)), ["a.seg"])

    def test_a_manifest_names_the_attempts_that_were_recorded(self):
        def manifest(*attempts: str) -> dict:
            partitions = [{"partition": number, "attempt": attempt} for number, attempt in enumerate(attempts)]
            return {"job": "day", "shard": "org-1", "version": 1, "partitions": partitions}

        reduced = Change(8, f"{SHARD}/done/r-00000", {"attempt": "a-2-0000000000000007"})
        cleared = Change(9, f"{SHARD}/done/r-00000", None)
        known = recorded([claim(7, 2), reduced, cleared])
        self.assertEqual(unrecorded([manifest("a-2-0000000000000007")], known), [])
        of_a_zombie = unrecorded([manifest("a-1-0000000000000005")], known)
        self.assertEqual(of_a_zombie, ["day org-1 v1: partition 0 by a-1-0000000000000005"])
        self.assertEqual(len(unrecorded([manifest("a-2-0000000000000007")] * 2, set())), 2)

    def test_an_object_that_two_versions_name_is_found(self):
        def version(*keys: str) -> dict:
            rollups = [{"object": {"key": f"{key}.rollup"}} for key in keys[1:]]
            return {"partitions": [{"raw": {"key": keys[0]}, "rollups": rollups}, {"raw": None, "rollups": []}]}

        self.assertEqual(named_twice([version("a", "b"), version("c", "d")]), [])
        self.assertEqual(named_twice([version("a", "b"), version("c", "b")]), ["b.rollup"])
