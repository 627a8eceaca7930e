package tailor.spark;

import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.SparkSession;

/** Adds up Spark's own metrics of its tasks: what remains of its CPU time is start-up, compilation and the driver. */
final class TaskTotals extends SparkListener {
    private final LongAdder cpuNs = new LongAdder();
    private final LongAdder runMs = new LongAdder();
    private final LongAdder collectionMs = new LongAdder();
    private final LongAdder shuffleBytes = new LongAdder();
    private final LongAdder spilledBytes = new LongAdder();

    static TaskTotals of(SparkSession spark) {
        TaskTotals totals = new TaskTotals();
        spark.sparkContext().addSparkListener(totals);
        return totals;
    }

    @Override
    public void onTaskEnd(SparkListenerTaskEnd end) {
        TaskMetrics metrics = end.taskMetrics();
        if (metrics != null) {
            cpuNs.add(metrics.executorCpuTime() + metrics.executorDeserializeCpuTime());
            runMs.add(metrics.executorRunTime());
            collectionMs.add(metrics.jvmGCTime());
            shuffleBytes.add(metrics.shuffleWriteMetrics().bytesWritten());
            spilledBytes.add(metrics.diskBytesSpilled());
        }
    }

    /** Prints the totals as one line of JSON; the session has stopped, so no event is missing. */
    void print() {
        System.out.printf(
                Locale.ROOT,
                "{\"task_cpu_s\": %.3f, \"task_run_s\": %.3f, \"gc_s\": %.3f,"
                        + " \"shuffle_bytes\": %d, \"spilled_bytes\": %d}%n",
                cpuNs.sum() / 1e9,
                runMs.sum() / 1e3,
                collectionMs.sum() / 1e3,
                shuffleBytes.sum(),
                spilledBytes.sum());
    }
}
