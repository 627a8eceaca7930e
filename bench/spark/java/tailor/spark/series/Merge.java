package tailor.spark.series;

import java.util.Arrays;
import java.util.Comparator;

/**
 * Merges the payloads of one series, which come in source order, into points in the order of time. Of points with one
 * timestamp the last in source order stays, as by `tailor run --duplicates last`.
 *
 * Payloads mostly follow one another in time, so a payload that overlaps no other one is copied, and nothing is
 * compared but its ends. Those that overlap are merged in pairs, the earlier in source order on the left, and equal
 * timestamps stay in that order.
 */
public final class Merge {
    private final Points arrived = new Points();
    private final Points sorted = new Points();
    private Points left = new Points();
    private Points right = new Points();
    /** Ends in `arrived` of the runs: stretches whose timestamps do not fall. */
    private int[] ends = new int[64];
    private int runs;
    private boolean isInOrder;

    /** Forgets the series before. */
    public void clear() {
        arrived.size = 0;
        runs = 0;
        isInOrder = true;
    }

    /** Adds a payload whose arrays lie in memory. */
    public void add(Object base, long timesAt, long valuesAt, int count) {
        int from = arrived.size;
        arrived.append(base, timesAt, valuesAt, count);
        for (int index = from; index < arrived.size; index++) {
            boolean isRising = index == 0 || arrived.times[index] > arrived.times[index - 1];
            isInOrder &= isRising;
            if (index > from && arrived.times[index] < arrived.times[index - 1]) {
                endRun(index);
            }
        }
        if (count > 0) {
            endRun(arrived.size);
        }
    }

    /** Returns the points of the series; they are valid until the next call of any method. */
    public Points points() {
        if (isInOrder) {
            return arrived;
        }
        sorted.size = 0;
        Integer[] byTime = new Integer[runs];
        Arrays.setAll(byTime, run -> run);
        Arrays.sort(byTime, Comparator.comparingLong(this::first));
        for (int from = 0; from < runs; ) {
            int to = from + 1;
            for (long reached = last(byTime[from]); to < runs && first(byTime[to]) <= reached; to++) {
                reached = Math.max(reached, last(byTime[to]));
            }
            appendCluster(byTime, from, to);
            from = to;
        }
        dropDuplicates();
        return sorted;
    }

    private void endRun(int end) {
        if (runs == ends.length) {
            ends = Arrays.copyOf(ends, 2 * runs);
        }
        ends[runs++] = end;
    }

    private int start(int run) {
        return run == 0 ? 0 : ends[run - 1];
    }

    private long first(int run) {
        return arrived.times[start(run)];
    }

    private long last(int run) {
        return arrived.times[ends[run] - 1];
    }

    /** Appends the runs `byTime[from..to]`, of which each overlaps one before it, to the sorted points. */
    private void appendCluster(Integer[] byTime, int from, int to) {
        if (to - from == 1) {
            sorted.append(arrived, start(byTime[from]), ends[byTime[from]]);
            return;
        }
        Arrays.sort(byTime, from, to); // back into source order
        int[] bounds = new int[to - from + 1];
        left.size = 0;
        for (int index = from; index < to; index++) {
            left.append(arrived, start(byTime[index]), ends[byTime[index]]);
            bounds[index - from + 1] = left.size;
        }
        for (int count = to - from; count > 1; count = (count + 1) / 2) {
            mergePairs(bounds, count);
            Points swapped = left;
            left = right;
            right = swapped;
        }
        sorted.append(left, 0, left.size);
    }

    /** Merges each two neighbours of the `count` runs of `left` into `right`, and halves `bounds`. */
    private void mergePairs(int[] bounds, int count) {
        right.size = 0;
        int merged = 0;
        for (int run = 0; run < count; run += 2) {
            int middle = bounds[run + 1];
            int end = run + 2 <= count ? bounds[run + 2] : middle;
            mergePair(bounds[run], middle, end);
            bounds[++merged] = right.size;
        }
    }

    private void mergePair(int earlier, int middle, int end) {
        int later = middle;
        while (earlier < middle && later < end) {
            int next = left.times[earlier] <= left.times[later] ? earlier++ : later++;
            right.append(left.times[next], left.values[next]);
        }
        right.append(left, earlier, middle);
        right.append(left, later, end);
    }

    /** Keeps the last of neighbours with one timestamp. */
    private void dropDuplicates() {
        int kept = 0;
        for (int index = 0; index < sorted.size; index++) {
            if (index + 1 < sorted.size && sorted.times[index] == sorted.times[index + 1]) {
                continue;
            }
            sorted.times[kept] = sorted.times[index];
            sorted.values[kept++] = sorted.values[index];
        }
        sorted.size = kept;
    }
}
