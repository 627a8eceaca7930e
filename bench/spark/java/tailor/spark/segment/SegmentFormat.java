package tailor.spark.segment;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.mapreduce.Job;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.datasources.FileFormat;
import org.apache.spark.sql.execution.datasources.OutputWriterFactory;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import org.apache.spark.sql.sources.Filter;
import org.apache.spark.sql.types.StructType;
import scala.Function1;
import scala.Option;
import scala.collection.Iterator;
import scala.collection.immutable.Map;
import scala.collection.immutable.Seq;
import scala.runtime.AbstractFunction1;

/**
 * Segments as a format of Spark's, read into rows of {@link PayloadRows}. It overrides the method that would copy each
 * row into memory of Spark's own: the shuffle takes the rows where they are.
 */
public final class SegmentFormat implements FileFormat, Serializable {
    private static final long serialVersionUID = 1;
    /** Option with the folder of all segments, which gives each its place in the source order. */
    public static final String FOLDER = "folder";

    @Override
    public Option<StructType> inferSchema(SparkSession spark, Map<String, String> options, Seq<FileStatus> files) {
        return Option.apply(PayloadRows.SCHEMA);
    }

    @Override
    public boolean isSplitable(SparkSession spark, Map<String, String> options, org.apache.hadoop.fs.Path path) {
        return true;
    }

    @Override
    public Function1<PartitionedFile, Iterator<InternalRow>> buildReaderWithPartitionValues(
            SparkSession spark,
            StructType data,
            StructType partitions,
            StructType required,
            Seq<Filter> filters,
            Map<String, String> options,
            Configuration hadoop) {
        if (required.size() != PayloadRows.SCHEMA.size() || !partitions.isEmpty()) {
            throw new IllegalArgumentException("rows of payloads have all their columns, and no other ones");
        }
        try {
            return new Reader(SegmentOrder.of(Path.of(options.apply(FOLDER))));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Override
    public OutputWriterFactory prepareWrite(
            SparkSession spark, Job job, Map<String, String> options, StructType schema) {
        throw new UnsupportedOperationException("nothing writes segments here");
    }

    /** Opens a range of a segment. */
    private static final class Reader extends AbstractFunction1<PartitionedFile, Iterator<InternalRow>>
            implements Serializable {
        private static final long serialVersionUID = 1;

        private final SegmentOrder order;

        Reader(SegmentOrder order) {
            this.order = order;
        }

        @Override
        public Iterator<InternalRow> apply(PartitionedFile file) {
            Path segment = Path.of(file.toPath().toUri().getPath());
            return new PayloadRows(segment, file.start(), file.start() + file.length(), order.position(segment));
        }
    }
}
