#!/bin/sh
# Submits the window that the scheduled time of a CronJob stands for, under a name that follows from the window: a
# second submission of the same window changes nothing.
#   submit-window.sh NAME EVERY DELAY CATCH_UP OPTION...   EVERY and DELAY in seconds; options of `tailor job submit`
# The scheduled time, in minutes since 1970, is the end of the name that the CronJob gives its Job. So a pod that starts
# late or again takes the same window, and `kubectl create job --from=cronjob/X X-MINUTES` takes an older one.
set -eu
name=$1 every=$2 delay=$3 back=$4
shift 4

minutes=${JOB_NAME##*-}
case $minutes in
'' | *[!0-9]*)
    echo "submit-window: the Job's name '$JOB_NAME' has to end in minutes since 1970, as a CronJob names it" >&2
    exit 2
    ;;
esac

# Prints an instant as 20260101-1400, because the image has no `date`: days since 1970 to a date of the calendar, by
# eras of 400 years that begin in March.
stamp() {
    z=$(($1 / 86400 + 719468))
    era=$((z / 146097))
    day_of_era=$((z - era * 146097))
    year_of_era=$(((day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365))
    day_of_year=$((day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)))
    month_from_march=$(((5 * day_of_year + 2) / 153))
    day=$((day_of_year - (153 * month_from_march + 2) / 5 + 1))
    month=$(((month_from_march + 2) % 12 + 1))
    year=$((year_of_era + era * 400 + (month <= 2)))
    printf '%04d%02d%02d-%02d%02d' "$year" "$month" "$day" $(($1 % 86400 / 3600)) $(($1 % 3600 / 60))
}

end=$(((minutes * 60 - delay) / every * every))
status=0
while [ "$back" -ge 0 ]; do
    start=$((end - every * (back + 1)))
    tailor job submit --job "$name-$(stamp "$start")" --window "${start}000/${every}s" "$@" || status=$?
    back=$((back - 1))
done
exit "$status"
