package tailor.spark.series;

import java.util.Arrays;
import org.apache.spark.unsafe.Platform;

/** Timestamps and values in arrays that grow and are kept from one series to the next. */
public final class Points {
    private static final int CAPACITY_AT_FIRST = 4096;

    public long[] times = new long[CAPACITY_AT_FIRST];
    public double[] values = new double[CAPACITY_AT_FIRST];
    public int size;

    /** Appends the points `[from, to)` of `source`. */
    void append(Points source, int from, int to) {
        int count = to - from;
        reserve(count);
        System.arraycopy(source.times, from, times, size, count);
        System.arraycopy(source.values, from, values, size, count);
        size += count;
    }

    void append(long time, double value) {
        reserve(1);
        times[size] = time;
        values[size++] = value;
    }

    /** Appends `count` points that lie in memory as two arrays. */
    void append(Object base, long timesAt, long valuesAt, int count) {
        reserve(count);
        long bytes = (long) count * Long.BYTES;
        long skipped = (long) size * Long.BYTES;
        Platform.copyMemory(base, timesAt, times, Platform.LONG_ARRAY_OFFSET + skipped, bytes);
        Platform.copyMemory(base, valuesAt, values, Platform.DOUBLE_ARRAY_OFFSET + skipped, bytes);
        size += count;
    }

    private void reserve(int more) {
        if (size + more > times.length) {
            int capacity = Math.max(size + more, 2 * times.length);
            times = Arrays.copyOf(times, capacity);
            values = Arrays.copyOf(values, capacity);
        }
    }
}
