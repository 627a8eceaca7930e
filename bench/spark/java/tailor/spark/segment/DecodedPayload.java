package tailor.spark.segment;

import java.io.Serializable;

/** Payload as an object, for DataFrames. Spark takes its columns from the accessors. */
public final class DecodedPayload implements Serializable {
    private static final long serialVersionUID = 1;

    private long org;
    private long metric;
    private long position;
    private long[] times;
    private double[] values;

    public long getOrg() {
        return org;
    }

    public void setOrg(long org) {
        this.org = org;
    }

    public long getMetric() {
        return metric;
    }

    public void setMetric(long metric) {
        this.metric = metric;
    }

    /** Returns the place in the source order: its segment's position and its frame's offset. */
    public long getPosition() {
        return position;
    }

    public void setPosition(long position) {
        this.position = position;
    }

    public long[] getTimes() {
        return times;
    }

    public void setTimes(long[] times) {
        this.times = times;
    }

    public double[] getValues() {
        return values;
    }

    public void setValues(double[] values) {
        this.values = values;
    }
}
