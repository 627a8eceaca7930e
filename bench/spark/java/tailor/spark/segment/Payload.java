package tailor.spark.segment;

import org.apache.spark.unsafe.Platform;

/**
 * Points at one decoded payload in memory, on or off the heap, without copying it. The message is `Payload` of
 * proto/tailor/v1/payload.proto; its arrays are little-endian, as is the memory of the machines that Spark runs on.
 */
public final class Payload {
    private static final int ORG = 1;
    private static final int METRIC = 2;
    private static final int TIMESTAMPS = 3;
    private static final int VALUES = 4;
    private static final int METADATA = 5;
    private static final int WIRE_VARINT = 0;
    private static final int WIRE_BYTES = 2;

    public Object base;
    public long org;
    public long metric;
    public long timestampsAt;
    public long valuesAt;
    public int points;
    public long metadataAt;
    public int metadataBytes;

    private long at;
    private long end;

    /** Reads the message of `length` bytes at `offset` of `base`, where null stands for memory off the heap. */
    public void parse(Object base, long offset, int length) {
        this.base = base;
        at = offset;
        end = offset + length;
        org = 0;
        metric = 0;
        timestampsAt = 0;
        valuesAt = 0;
        points = 0;
        metadataAt = 0;
        metadataBytes = 0;
        int timestampBytes = 0;
        int valueBytes = 0;
        while (at < end) {
            int tag = (int) varint();
            int wire = tag & 7;
            if (wire == WIRE_VARINT) {
                long number = varint();
                switch (tag >>> 3) {
                    case ORG -> org = number;
                    case METRIC -> metric = number;
                    default -> { }
                }
                continue;
            }
            if (wire != WIRE_BYTES) {
                throw new IllegalArgumentException("a payload has a field of wire type " + wire);
            }
            int bytes = (int) varint();
            long from = at;
            at += bytes;
            switch (tag >>> 3) {
                case TIMESTAMPS -> {
                    refuseSecond(timestampsAt, "timestamps");
                    timestampsAt = from;
                    timestampBytes = bytes;
                }
                case VALUES -> {
                    refuseSecond(valuesAt, "values");
                    valuesAt = from;
                    valueBytes = bytes;
                }
                case METADATA -> {
                    metadataAt = from;
                    metadataBytes = bytes;
                }
                default -> { }
            }
        }
        if (at != end || timestampBytes != valueBytes || timestampBytes % Long.BYTES != 0 || org == 0 || metric == 0) {
            throw new IllegalArgumentException("a payload is damaged: this bench reads sound segments alone");
        }
        points = timestampBytes / Long.BYTES;
    }

    private static void refuseSecond(long before, String field) {
        if (before != 0) {
            throw new IllegalArgumentException("a payload has its " + field + " in two pieces, as no producer does");
        }
    }

    private long varint() {
        long number = 0;
        for (int shift = 0; shift < 64 && at < end; shift += 7) {
            byte next = Platform.getByte(base, at++);
            number |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return number;
            }
        }
        throw new IllegalArgumentException("a number of a payload does not end");
    }
}
