package tailor.spark;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.rdd.RDD;
import tailor.spark.segment.SegmentFormat;

/**
 * The job as an expert of Spark's internals writes it: a row is a payload and lies off the heap from the reader to the
 * sink, a thread has one zstd context, and the sink writes binary files of its own in one pass.
 *
 * usage: ExpertJob SEGMENTS OUTPUT PARTITIONS STEP_MS
 */
public final class ExpertJob {
    private ExpertJob() {}

    public static void main(String[] words) throws IOException {
        String segments = words[0];
        String output = words[1];
        int partitions = Integer.parseInt(words[2]);
        long stepMs = Long.parseLong(words[3]);
        Files.createDirectories(Path.of(output, "points"));
        Files.createDirectories(Path.of(output, "rollup"));

        SparkSession spark = SparkSession.builder().appName("expert").getOrCreate();
        TaskTotals totals = TaskTotals.of(spark);
        Dataset<Row> payloads = spark.read()
                .format(SegmentFormat.class.getName())
                .option("recursiveFileLookup", "true")
                .option("pathGlobFilter", "*.seg")
                .option(SegmentFormat.FOLDER, segments)
                .load(segments)
                .repartition(partitions, col("org"), col("metric"))
                .sortWithinPartitions("org", "metric", "position");
        RDD<InternalRow> rows = ((org.apache.spark.sql.classic.Dataset<Row>) payloads).queryExecution().toRdd();
        rows.toJavaRDD().foreachPartition(new SeriesSink(output, stepMs));
        spark.stop();
        totals.print();
    }
}
