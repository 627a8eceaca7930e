package tailor.spark.series;

import java.util.Arrays;

/**
 * Rows of one series in larger steps, by the rules of docs/formats.md: NaN stays out, -0.0 is less than 0.0, the sum
 * starts with the first value and adds in the order of time.
 */
public final class Rollup {
    private static final int CAPACITY_AT_FIRST = 512;

    public final long stepMs;
    public long[] starts = new long[CAPACITY_AT_FIRST];
    public long[] counts = new long[CAPACITY_AT_FIRST];
    public double[] sums = new double[CAPACITY_AT_FIRST];
    public double[] mins = new double[CAPACITY_AT_FIRST];
    public double[] maxs = new double[CAPACITY_AT_FIRST];
    public double[] firsts = new double[CAPACITY_AT_FIRST];
    public double[] lasts = new double[CAPACITY_AT_FIRST];
    public int size;

    public Rollup(long stepMs) {
        this.stepMs = stepMs;
    }

    /** Replaces the rows by those of `points`. */
    public void fill(Points points) {
        size = 0;
        for (int from = 0; from < points.size; ) {
            long start = Math.floorDiv(points.times[from], stepMs) * stepMs;
            int to = from + 1;
            while (to < points.size && points.times[to] - start < stepMs) {
                to++;
            }
            addRow(points.values, from, to, start);
            from = to;
        }
    }

    private void addRow(double[] values, int from, int to, long start) {
        while (from < to && Double.isNaN(values[from])) {
            from++;
        }
        if (from == to) {
            return;
        }
        double first = values[from];
        double sum = first;
        double min = first;
        double max = first;
        double last = first;
        long count = 1;
        for (int index = from + 1; index < to; index++) {
            double value = values[index];
            if (!Double.isNaN(value)) {
                sum += value;
                min = Math.min(min, value);
                max = Math.max(max, value);
                last = value;
                count++;
            }
        }
        reserve();
        starts[size] = start;
        counts[size] = count;
        sums[size] = sum;
        mins[size] = min;
        maxs[size] = max;
        firsts[size] = first;
        lasts[size++] = last;
    }

    private void reserve() {
        if (size == starts.length) {
            int capacity = 2 * size;
            starts = Arrays.copyOf(starts, capacity);
            counts = Arrays.copyOf(counts, capacity);
            sums = Arrays.copyOf(sums, capacity);
            mins = Arrays.copyOf(mins, capacity);
            maxs = Arrays.copyOf(maxs, capacity);
            firsts = Arrays.copyOf(firsts, capacity);
            lasts = Arrays.copyOf(lasts, capacity);
        }
    }
}
