"""The script of schedules: the window follows from the scheduled time, and the job's name from the window."""

import datetime
import itertools
import os
import random
import subprocess

import pytest
from chart import CHART, rendered
from objects import of_kind, workloads

SCRIPT = CHART / "files" / "submit-window.sh"
MINUTE = 60


def submit(tmp_path, job: str, *words: str, fails_on: str = "") -> tuple[int, list[str]]:
    """Runs the script with a `tailor` that writes down how it was called."""
    log = tmp_path / "calls"
    log.unlink(missing_ok=True)
    fake = tmp_path / "tailor"
    fake.write_text(f'#!/bin/sh\necho "$*" >>{log}\ncase "$*" in *"{fails_on or "no such job"}"*) exit 4 ;; esac\n')
    fake.chmod(0o755)
    # The shell sees no other program, as in the image.
    environment = {"PATH": str(tmp_path), "JOB_NAME": job}
    done = subprocess.run(["/bin/sh", SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, log.read_text().splitlines() if log.exists() else [done.stderr]


def minutes(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp()) // MINUTE


def test_an_hour_is_submitted_under_the_name_of_its_beginning(tmp_path):
    at = minutes("2026-01-01T15:10:00+00:00")
    start = minutes("2026-01-01T14:00:00+00:00") * MINUTE
    code, calls = submit(tmp_path, f"tailor-schedule-hourly-{at}", "hourly", "3600", "300", "0", "--input=s3://m/in")
    assert code == 0
    assert calls == [f"job submit --job hourly-20260101-1400 --window {start}000/3600s --input=s3://m/in"]


def test_a_pod_that_starts_again_submits_the_same(tmp_path):
    words = ("tailor-schedule-hourly-29401320", "hourly", "3600", "0", "0")
    assert submit(tmp_path, *words) == submit(tmp_path, *words)


def test_windows_of_successive_times_neither_overlap_nor_leave_gaps(tmp_path):
    starts = []
    for tick in range(6):
        at = minutes("2026-02-28T22:07:00+00:00") + 60 * tick
        _, (call,) = submit(tmp_path, f"x-{at}", "hourly", "3600", "420", "0")
        starts.append(int(call.split("--window ")[1].split("000/")[0]))
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == [3600] * 5


def test_older_windows_are_submitted_first_and_one_refusal_does_not_stop_the_others(tmp_path):
    at = minutes("2026-03-01T02:00:00+00:00")
    code, calls = submit(tmp_path, f"x-{at}", "hourly", "3600", "0", "2", fails_on="20260301-0000")
    assert [call.split()[3] for call in calls] == [
        "hourly-20260228-2300",
        "hourly-20260301-0000",
        "hourly-20260301-0100",
    ]
    assert code == 4


@pytest.mark.parametrize("seed", range(8))
def test_names_have_the_date_of_the_calendar(tmp_path, seed):
    moment = random.Random(seed).randrange(0, 4_102_444_800) // 3600 * 3600
    _, (call,) = submit(tmp_path, f"x-{(moment + 3600) // MINUTE}", "h", "3600", "0", "0")
    expected = datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("h-%Y%m%d-%H%M")
    assert call.split()[3] == expected


@pytest.mark.parametrize("name", ["by-hand", "x-", "x-12a"])
def test_a_name_without_a_time_is_refused_and_nothing_is_submitted(tmp_path, name):
    code, (message,) = submit(tmp_path, name, "hourly", "3600", "0", "0")
    assert code == 2
    assert "has to end in minutes since 1970" in message


def test_the_cron_job_hands_the_script_what_it_reads():
    (item,) = of_kind(rendered("secrets"), "CronJob")
    assert item["spec"]["concurrencyPolicy"] == "Forbid"
    (workload,) = [workload for workload in workloads([item])]
    container = workload.container("submit")
    assert container["args"][:4] == ["hourly", "3600", "300", "2"]
    assert "serviceAccountName" not in workload.spec
    assert not [variable for variable in container["env"] if variable["name"].startswith("AWS_")]
    field = container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"]
    assert (container["env"][0]["name"], field) == ("JOB_NAME", "metadata.labels['batch.kubernetes.io/job-name']")


def test_there_is_no_schedule_by_default():
    assert of_kind(rendered("production"), "CronJob") == []
    assert os.access(SCRIPT, os.X_OK)
