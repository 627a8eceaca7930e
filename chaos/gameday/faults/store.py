"""S3: what it answers, and what lies in it.

The faults of single requests are those of `s3proxy.FATES`; METHOD `any` and PART `/` match everything.
"""

from .. import s3proxy, units
from .registry import Undo, fault


@fault("s3 {fate} {share} of {method} {part}")
def s3_share(site, fate: str, share: str, method: str, part: str) -> Undo:
    """Gives that share of the requests this fate."""
    rule = s3proxy.Rule(s3proxy.fate(fate), method, part, share=units.share(share))
    return _ruled(site, rule)


@fault("s3 {fate} next {count} {method} {part}")
def s3_next(site, fate: str, count: str, method: str, part: str) -> Undo:
    """Gives the next requests this fate."""
    rule = s3proxy.Rule(s3proxy.fate(fate), method, part, left=int(count))
    return _ruled(site, rule)


def _ruled(site, rule: s3proxy.Rule) -> Undo:
    site.s3_weather.add(rule)
    return lambda: site.s3_weather.remove(rule)


@fault("s3 pace {duration}")
def s3_pace(site, duration: str) -> Undo:
    """Lets each request wait so long."""
    site.s3_weather.pace_s = units.duration(duration)
    return None


@fault("damage a segment")
def damage_segment(site) -> Undo:
    """Overwrites bytes of the first frame of the input's first segment."""
    key, good = site.a_segment()
    site.lab.s3.put(key, good[:12] + b"\xff" * 12 + good[24:])
    return lambda: site.lab.s3.put(key, good)


@fault("delete a segment")
def delete_segment(site) -> Undo:
    """Deletes the input's first segment."""
    key, good = site.a_segment()
    site.lab.s3.delete(key)
    return lambda: site.lab.s3.put(key, good)


@fault("repair the segment")
def repair_segment(site) -> Undo:
    """Puts the bytes back that were damaged or deleted."""
    site.put_back()
    return None


@fault("put foreign objects")
def put_foreign(site) -> Undo:
    """Puts objects of others into the dataset, most of them under keys that look like the engine's."""
    site.put_foreign()
    return site.remove_foreign
