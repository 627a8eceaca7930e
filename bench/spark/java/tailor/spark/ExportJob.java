package tailor.spark;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import java.util.Spliterator;
import java.util.Spliterators;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import tailor.spark.series.SeriesFile;
import tailor.spark.series.SeriesFileReader;

/**
 * Converts the binary files of {@link ExpertJob} to Parquet, so that its points can be compared with another engine's.
 * Nobody measures it.
 *
 * usage: ExportJob OUTPUT EXPORT
 */
public final class ExportJob {
    private static final StructType POINTS =
            StructType.fromDDL("org long, metric long, time long, value double");
    private static final StructType ROLLUP = StructType.fromDDL("org long, metric long, start long, count long,"
            + " sum double, min double, max double, first double, last double");
    private static final StructType SERIES = StructType.fromDDL("org long, metric long, metadata string");

    private ExportJob() {}

    public static void main(String[] words) throws IOException {
        Path output = Path.of(words[0]);
        SparkSession spark = SparkSession.builder().appName("export").getOrCreate();
        convert(spark, files(output.resolve("points")), ExportJob::points, POINTS, words[1] + "/points");
        convert(spark, files(output.resolve("points")), ExportJob::series, SERIES, words[1] + "/series");
        convert(spark, files(output.resolve("rollup")), ExportJob::rollup, ROLLUP, words[1] + "/rollup");
        spark.stop();
    }

    private static void convert(
            SparkSession spark, List<String> files, FlatMapFunction<String, Row> rows, StructType schema, String to) {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        spark.createDataFrame(context.parallelize(files, files.size()).flatMap(rows), schema).write().parquet(to);
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(Path::toString).sorted().toList();
        }
    }

    private static Iterator<Row> points(String file) throws IOException {
        SeriesFileReader in = new SeriesFileReader(Path.of(file), SeriesFile.POINT_COLUMNS);
        return series(in).flatMap(series -> {
            long[] times = in.times(0);
            double[] values = in.values(1);
            return IntStream.range(0, in.rows)
                    .mapToObj(row -> RowFactory.create(in.org, in.metric, times[row], values[row]));
        }).iterator();
    }

    private static Iterator<Row> series(String file) throws IOException {
        SeriesFileReader in = new SeriesFileReader(Path.of(file), SeriesFile.POINT_COLUMNS);
        return series(in)
                .map(series -> RowFactory.create(in.org, in.metric, new String(in.metadata, StandardCharsets.UTF_8)))
                .iterator();
    }

    private static Iterator<Row> rollup(String file) throws IOException {
        SeriesFileReader in = new SeriesFileReader(Path.of(file), SeriesFile.ROLLUP_COLUMNS);
        return series(in).flatMap(series -> {
            long[] starts = in.times(0);
            long[] counts = in.integers(1);
            double[][] columns = IntStream.range(2, SeriesFile.ROLLUP_COLUMNS)
                    .mapToObj(in::values)
                    .toArray(double[][]::new);
            return IntStream.range(0, in.rows)
                    .mapToObj(row -> RowFactory.create(
                            in.org, in.metric, starts[row], counts[row], columns[0][row], columns[1][row],
                            columns[2][row], columns[3][row], columns[4][row]));
        }).iterator();
    }

    /** Streams the reader itself, once for each series of its file. */
    private static Stream<SeriesFileReader> series(SeriesFileReader in) {
        Iterator<SeriesFileReader> moves = new Iterator<>() {
            private boolean isAtSeries;

            @Override
            public boolean hasNext() {
                isAtSeries = isAtSeries || in.next();
                return isAtSeries;
            }

            @Override
            public SeriesFileReader next() {
                isAtSeries = false;
                return in;
            }
        };
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(moves, Spliterator.ORDERED), false);
    }
}
