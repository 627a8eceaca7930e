"""The job that a game day watches, as `tailor job get -o json` tells it."""

from .condition import Reading

#: Name of the job.
JOB = "day"


def tasks(job: dict) -> int:
    """Tasks of a job."""
    return _sum(job, "map_tasks") + _sum(job, "partitions")


def attempts_again(job: dict) -> int:
    """Counts the attempts that exceed the number of tasks."""
    return max(0, _sum(job, "attempts") - tasks(job))


def field(job: dict, name: str) -> Reading:
    """A field of a job, or a sum over its shards."""
    match name:
        case "tasks":
            return tasks(job)
        case "tasks_done":
            return _sum(job, "map_tasks_done") + _sum(job, "partitions_done")
        case "again":
            return attempts_again(job)
        case "cause":
            causes = [job.get("cause"), *(shard["cause"] for shard in job["shards"])]
            return "\n".join(cause for cause in causes if cause)
        case "map_tasks_done" | "partitions_done" | "running":
            return _sum(job, name)
    value = job[name]
    return "" if value is None else value


def _sum(job: dict, name: str) -> int:
    return sum(shard[name] or 0 for shard in job["shards"])
