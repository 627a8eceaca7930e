package tailor.spark.series;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads a file of {@link SeriesFile}, to compare it with another engine's output, and refuses one whose series or rows
 * are not in order. It is no part of what is measured.
 */
public final class SeriesFileReader {
    private final Path path;
    private final ByteBuffer file;
    private final int columnCount;

    public long org;
    public long metric;
    public int rows;
    public byte[] metadata;
    private final int[] columnAt;
    private boolean isFirst = true;

    public SeriesFileReader(Path path, int columnCount) throws IOException {
        this.path = path;
        this.columnCount = columnCount;
        file = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        columnAt = new int[columnCount];
    }

    /** Moves to the next series; false at the end of the file. */
    public boolean next() {
        if (!file.hasRemaining()) {
            return false;
        }
        long orgBefore = org;
        long metricBefore = metric;
        org = file.getLong();
        metric = file.getLong();
        boolean isAscending = isFirst || orgBefore < org || orgBefore == org && metricBefore < metric;
        isFirst = false;
        check(isAscending, "the series before is not less");
        rows = file.getInt();
        metadata = new byte[file.getInt()];
        int[] sizes = new int[columnCount];
        for (int column = 0; column < columnCount; column++) {
            sizes[column] = file.getInt();
        }
        file.get(metadata);
        for (int column = 0; column < columnCount; column++) {
            columnAt[column] = file.position();
            file.position(file.position() + sizes[column]);
        }
        return true;
    }

    /** Decodes a column of timestamps, which rise. */
    public long[] times(int column) {
        long[] times = integers(column);
        for (int row = 1; row < rows; row++) {
            check(times[row - 1] < times[row], "the time before is not less than " + times[row]);
        }
        return times;
    }

    /** Decodes a column of whole numbers. */
    public long[] integers(int column) {
        long[] numbers = new long[rows];
        Gorilla.decodeTimes(new BitReader(file.array(), columnAt[column]), numbers, rows);
        return numbers;
    }

    /** Decodes a column of values. */
    public double[] values(int column) {
        double[] values = new double[rows];
        Gorilla.decodeValues(new BitReader(file.array(), columnAt[column]), values, rows);
        return values;
    }

    private void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(path + ": series " + org + "/" + metric + ": " + otherwise);
        }
    }
}
