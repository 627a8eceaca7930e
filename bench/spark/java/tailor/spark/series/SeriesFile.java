package tailor.spark.series;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Writes one file of series, sorted by their keys; it appears under its name when it is complete.
 *
 * ```
 * file   := record*
 * record := org u64, metric u64, rows u32, metadata bytes u32, bytes of each column u32, metadata, columns
 * ```
 *
 * Numbers are little-endian. Points have two columns: times, values. Rollups have seven: starts, counts, sums, minima,
 * maxima, firsts, lasts. Whole numbers are encoded as Gorilla's timestamps, the others as its values.
 */
public final class SeriesFile implements AutoCloseable {
    public static final int POINT_COLUMNS = 2;
    public static final int ROLLUP_COLUMNS = 7;
    private static final int BUFFER_BYTES = 1 << 20;

    private final Path path;
    private final Path unfinished;
    private final FileChannel file;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final BitWriter[] columns;
    private final int[] sizes;

    public SeriesFile(Path path, int columnCount) throws IOException {
        this.path = path;
        unfinished = path.resolveSibling(path.getFileName() + ".unfinished");
        file = FileChannel.open(
                unfinished, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        columns = new BitWriter[columnCount];
        sizes = new int[columnCount];
        for (int column = 0; column < columnCount; column++) {
            columns[column] = new BitWriter();
        }
    }

    /** Writes the points of a series, with its metadata. */
    public void write(long org, long metric, byte[] metadata, int metadataBytes, Points points) throws IOException {
        clear();
        Gorilla.encodeTimes(points.times, points.size, columns[0]);
        Gorilla.encodeValues(points.values, points.size, columns[1]);
        writeRecord(org, metric, points.size, metadata, metadataBytes);
    }

    /** Writes the rollup of a series, if it has rows. */
    public void write(long org, long metric, Rollup rollup) throws IOException {
        if (rollup.size == 0) {
            return;
        }
        clear();
        Gorilla.encodeTimes(rollup.starts, rollup.size, columns[0]);
        Gorilla.encodeTimes(rollup.counts, rollup.size, columns[1]);
        Gorilla.encodeValues(rollup.sums, rollup.size, columns[2]);
        Gorilla.encodeValues(rollup.mins, rollup.size, columns[3]);
        Gorilla.encodeValues(rollup.maxs, rollup.size, columns[4]);
        Gorilla.encodeValues(rollup.firsts, rollup.size, columns[5]);
        Gorilla.encodeValues(rollup.lasts, rollup.size, columns[6]);
        writeRecord(org, metric, rollup.size, null, 0);
    }

    private void clear() {
        for (BitWriter column : columns) {
            column.clear();
        }
    }

    private void writeRecord(long org, long metric, int rows, byte[] metadata, int metadataBytes) throws IOException {
        room(2 * Long.BYTES + (2 + columns.length) * Integer.BYTES);
        buffer.putLong(org).putLong(metric).putInt(rows).putInt(metadataBytes);
        for (int column = 0; column < columns.length; column++) {
            sizes[column] = columns[column].finish();
            buffer.putInt(sizes[column]);
        }
        put(metadata, metadataBytes);
        for (int column = 0; column < columns.length; column++) {
            put(columns[column].bytes(), sizes[column]);
        }
    }

    private void put(byte[] bytes, int size) throws IOException {
        for (int done = 0; done < size; ) {
            room(1);
            int count = Math.min(size - done, buffer.remaining());
            buffer.put(bytes, done, count);
            done += count;
        }
    }

    private void room(int bytes) throws IOException {
        if (buffer.remaining() < bytes) {
            flush();
        }
    }

    private void flush() throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            file.write(buffer);
        }
        buffer.clear();
    }

    /** Makes the file appear. A file that is left before is no output. */
    public void commit() throws IOException {
        flush();
        file.close();
        Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
