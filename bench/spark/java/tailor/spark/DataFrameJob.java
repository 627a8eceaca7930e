package tailor.spark;

import static org.apache.spark.sql.functions.arrays_zip;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.isnan;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.min_by;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.posexplode;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.sum;

import java.io.IOException;
import java.nio.file.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import tailor.spark.segment.DecodePayloads;
import tailor.spark.segment.DecodedPayload;
import tailor.spark.segment.SegmentOrder;

/**
 * The job as one writes it with DataFrames: binary files, a function that decodes them, and Spark's own operators for
 * all the rest. Points and rollup are Parquet.
 *
 * usage: DataFrameJob SEGMENTS OUTPUT PARTITIONS STEP_MS
 */
public final class DataFrameJob {
    private DataFrameJob() {}

    public static void main(String[] words) throws IOException {
        String segments = words[0];
        String points = words[1] + "/points";
        String rollup = words[1] + "/rollup";
        int partitions = Integer.parseInt(words[2]);
        long stepMs = Long.parseLong(words[3]);

        SparkSession spark = SparkSession.builder().appName("DataFrame").getOrCreate();
        TaskTotals totals = TaskTotals.of(spark);
        write(sortedPoints(spark, segments, partitions), points);
        write(rolledUp(spark.read().parquet(points), partitions, stepMs), rollup);
        spark.stop();
        totals.print();
    }

    /** Reads the points, keeps the last of those with one timestamp, and sorts each series. */
    private static Dataset<Row> sortedPoints(SparkSession spark, String segments, int partitions) throws IOException {
        WindowSpec sameTime = Window.partitionBy("org", "metric", "time")
                .orderBy(col("position").desc(), col("pos").desc());
        return spark.read()
                .format("binaryFile")
                .option("recursiveFileLookup", "true")
                .option("pathGlobFilter", "*.seg")
                .load(segments)
                .flatMap(new DecodePayloads(SegmentOrder.of(Path.of(segments))), Encoders.bean(DecodedPayload.class))
                .select(col("org"), col("metric"), col("position"), posexplode(arrays_zip(col("times"), col("values"))))
                .select(col("org"), col("metric"), col("position"), col("pos"), col("col.times").as("time"),
                        col("col.values").as("value"))
                .repartition(partitions, col("org"), col("metric"))
                .withColumn("newest", row_number().over(sameTime))
                .where("newest = 1")
                .select("org", "metric", "time", "value")
                .sortWithinPartitions("org", "metric", "time");
    }

    /** Rolls points up into buckets that start at multiples of the step. */
    private static Dataset<Row> rolledUp(Dataset<Row> points, int partitions, long stepMs) {
        return points.where(not(isnan(col("value"))))
                .groupBy(col("org"), col("metric"), expr("time - pmod(time, " + stepMs + ")").as("start"))
                .agg(
                        count("*").as("count"),
                        sum("value").as("sum"),
                        min("value").as("min"),
                        max("value").as("max"),
                        min_by(col("value"), col("time")).as("first"),
                        max_by(col("value"), col("time")).as("last"))
                .repartition(partitions, col("org"), col("metric"))
                .sortWithinPartitions("org", "metric", "start");
    }

    private static void write(Dataset<Row> rows, String folder) {
        rows.write().option("compression", "zstd").parquet(folder);
    }
}
