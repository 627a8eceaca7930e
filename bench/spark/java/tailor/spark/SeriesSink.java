package tailor.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.unsafe.Platform;
import tailor.spark.segment.Payload;
import tailor.spark.segment.PayloadRows;
import tailor.spark.series.Merge;
import tailor.spark.series.Points;
import tailor.spark.series.Rollup;
import tailor.spark.series.SeriesFile;

/**
 * Writes the files of one partition: takes rows of payloads that are sorted by series and position, merges each
 * series, and writes its points and its rollup in one pass. It reads the rows where Spark keeps them.
 */
final class SeriesSink implements VoidFunction<Iterator<InternalRow>> {
    private static final long serialVersionUID = 1;

    private final String folder;
    private final long stepMs;

    SeriesSink(String folder, long stepMs) {
        this.folder = folder;
        this.stepMs = stepMs;
    }

    @Override
    public void call(Iterator<InternalRow> rows) throws IOException {
        if (rows.hasNext()) {
            try (Files files = new Files(folder, stepMs)) {
                rows.forEachRemaining(row -> files.add((UnsafeRow) row));
                files.commit();
            }
        }
    }

    /** Files of one partition, and the series that is being gathered. */
    private static final class Files implements AutoCloseable {
        private final SeriesFile points;
        private final SeriesFile rollups;
        private final Payload payload = new Payload();
        private final Merge merge = new Merge();
        private final Rollup rollup;
        private byte[] metadata = new byte[1024];
        private int metadataBytes;
        private long org;
        private long metric;
        private boolean hasSeries;

        Files(String folder, long stepMs) throws IOException {
            String name = String.format("%05d", TaskContext.getPartitionId());
            points = new SeriesFile(Path.of(folder, "points", name + ".points"), SeriesFile.POINT_COLUMNS);
            rollups = new SeriesFile(Path.of(folder, "rollup", name + ".rollup"), SeriesFile.ROLLUP_COLUMNS);
            rollup = new Rollup(stepMs);
        }

        void add(UnsafeRow row) {
            long frame = row.getLong(PayloadRows.PAYLOAD);
            payload.parse(row.getBaseObject(), row.getBaseOffset() + (frame >>> 32), (int) frame);
            if (!hasSeries || payload.org != org || payload.metric != metric) {
                finishSeries();
                begin(payload.org, payload.metric);
            }
            merge.add(payload.base, payload.timestampsAt, payload.valuesAt, payload.points);
            if (payload.metadataBytes > 0) {
                keepMetadata();
            }
        }

        private void begin(long org, long metric) {
            this.org = org;
            this.metric = metric;
            hasSeries = true;
            metadataBytes = 0;
            merge.clear();
        }

        private void keepMetadata() {
            metadataBytes = payload.metadataBytes;
            if (metadataBytes > metadata.length) {
                metadata = Arrays.copyOf(metadata, metadataBytes);
            }
            Platform.copyMemory(
                    payload.base, payload.metadataAt, metadata, Platform.BYTE_ARRAY_OFFSET, metadataBytes);
        }

        private void finishSeries() {
            if (!hasSeries) {
                return;
            }
            try {
                Points merged = merge.points();
                points.write(org, metric, metadata, metadataBytes, merged);
                rollup.fill(merged);
                rollups.write(org, metric, rollup);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        void commit() throws IOException {
            finishSeries();
            points.commit();
            rollups.commit();
        }

        @Override
        public void close() throws IOException {
            points.close();
            rollups.close();
        }
    }
}
