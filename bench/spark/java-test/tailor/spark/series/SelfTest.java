package tailor.spark.series;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.unsafe.Platform;

/** Tests the parts of the expert job that need no Spark, on random series. Prints the number of series. */
public final class SelfTest {
    private static final int SERIES = 2000;
    private static final double[] ODD_VALUES = {
        0.0, -0.0, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MIN_VALUE, Double.MAX_VALUE
    };

    private final Random random = new Random(1);
    private final Merge merge = new Merge();

    private SelfTest() {}

    public static void main(String[] words) throws Exception {
        SelfTest test = new SelfTest();
        Path file = Files.createTempFile("self-test", ".points");
        List<TreeMap<Long, Double>> written = new ArrayList<>();
        try (SeriesFile out = new SeriesFile(file, SeriesFile.POINT_COLUMNS)) {
            for (int index = 0; index < SERIES; index++) {
                TreeMap<Long, Double> expected = test.mergeRandomPayloads();
                Points merged = test.merge.points();
                check(equal(expected, merged.times, merged.values, merged.size), "series " + index + " is merged");
                test.checkRollup(merged);
                out.write(7, index, new byte[index % 300], index % 300, merged);
                written.add(expected);
            }
            out.commit();
        }
        SeriesFileReader in = new SeriesFileReader(file, SeriesFile.POINT_COLUMNS);
        for (int index = 0; index < SERIES; index++) {
            boolean isThere = in.next() && in.metric == index && in.metadata.length == index % 300;
            check(isThere, "series " + index + " is there");
            check(equal(written.get(index), in.times(0), in.values(1), in.rows), "series " + index + " is read back");
        }
        check(!in.next(), "the file ends");
        Files.delete(file);
        System.out.println(SERIES);
    }

    /** Feeds the merge with payloads that are late, repeated, corrected and out of order; returns what must remain. */
    private TreeMap<Long, Double> mergeRandomPayloads() {
        merge.clear();
        TreeMap<Long, Double> expected = new TreeMap<>();
        long stepMs = random.nextInt(4) == 0 ? 1L << random.nextInt(50) : 10_000;
        long startMs = random.nextInt(5) == 0 ? -stepMs * 40 : 1_767_225_600_000L;
        int payloads = 1 + random.nextInt(12);
        for (int payload = 0; payload < payloads; payload++) {
            int slot = random.nextInt(4) == 0 ? random.nextInt(payloads) : payload;
            int count = random.nextInt(30);
            long[] times = new long[count];
            double[] values = new double[count];
            for (int index = 0; index < count; index++) {
                int place = random.nextInt(20) == 0 ? random.nextInt(30) : index;
                long jitterMs = random.nextInt(3) == 0 ? random.nextInt(2) : 0;
                times[index] = startMs + (slot * 25L + place) * stepMs + jitterMs;
                values[index] = value();
                expected.put(times[index], values[index]);
            }
            merge.add(bytes(times, values), Platform.BYTE_ARRAY_OFFSET, Platform.BYTE_ARRAY_OFFSET + 8L * count, count);
        }
        return expected;
    }

    private double value() {
        return switch (random.nextInt(4)) {
            case 0 -> ODD_VALUES[random.nextInt(ODD_VALUES.length)];
            case 1 -> random.nextDouble();
            case 2 -> random.nextInt(2000) / 100.0;
            default -> 42;
        };
    }

    private static byte[] bytes(long[] times, double[] values) {
        byte[] bytes = new byte[16 * times.length];
        for (int index = 0; index < times.length; index++) {
            Platform.putLong(bytes, Platform.BYTE_ARRAY_OFFSET + 8L * index, times[index]);
            Platform.putDouble(bytes, Platform.BYTE_ARRAY_OFFSET + 8L * (times.length + index), values[index]);
        }
        return bytes;
    }

    /** Compares a rollup with one that is made from all points of each bucket. */
    private void checkRollup(Points points) {
        Rollup rollup = new Rollup(300_000);
        rollup.fill(points);
        TreeMap<Long, List<Double>> buckets = new TreeMap<>();
        for (int index = 0; index < points.size; index++) {
            if (!Double.isNaN(points.values[index])) {
                long start = Math.floorDiv(points.times[index], rollup.stepMs) * rollup.stepMs;
                buckets.computeIfAbsent(start, none -> new ArrayList<>()).add(points.values[index]);
            }
        }
        check(buckets.size() == rollup.size, "each bucket with a number has a row");
        int row = 0;
        for (var bucket : buckets.entrySet()) {
            double[] values = bucket.getValue().stream().mapToDouble(value -> value).toArray();
            double sum = values[0];
            for (int index = 1; index < values.length; index++) {
                sum += values[index];
            }
            check(rollup.starts[row] == bucket.getKey() && rollup.counts[row] == values.length, "start and count");
            check(same(rollup.firsts[row], values[0]) && same(rollup.lasts[row], values[values.length - 1]), "ends");
            check(same(rollup.sums[row], sum), "sum");
            Arrays.sort(values);
            check(same(rollup.mins[row], values[0]) && same(rollup.maxs[row], values[values.length - 1]), "extremes");
            row++;
        }
    }

    private static boolean equal(TreeMap<Long, Double> expected, long[] times, double[] values, int size) {
        int index = 0;
        for (var point : expected.entrySet()) {
            if (index == size || times[index] != point.getKey() || !same(values[index], point.getValue())) {
                return false;
            }
            index++;
        }
        return index == size;
    }

    private static boolean same(double one, double other) {
        return Double.doubleToRawLongBits(one) == Double.doubleToRawLongBits(other)
                || Double.isNaN(one) && Double.isNaN(other);
    }

    private static void check(boolean holds, String claim) {
        if (!holds) {
            throw new AssertionError("it does not hold that " + claim);
        }
    }
}
