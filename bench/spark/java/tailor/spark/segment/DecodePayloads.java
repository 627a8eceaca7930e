package tailor.spark.segment;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdDecompressCtx;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Iterator;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.unsafe.Platform;

/** Decodes a binary file, a segment, into payloads: a function that a job with DataFrames can call. */
public final class DecodePayloads implements FlatMapFunction<Row, DecodedPayload> {
    private static final long serialVersionUID = 1;

    private final SegmentOrder order;

    public DecodePayloads(SegmentOrder order) {
        this.order = order;
    }

    @Override
    public Iterator<DecodedPayload> call(Row file) {
        Path path = Path.of(URI.create(file.<String>getAs("path")).getPath());
        return new Payloads(file.getAs("content"), order.position(path));
    }

    /** Payloads of one segment, decoded as they are asked for, with one zstd context. */
    private static final class Payloads implements Iterator<DecodedPayload> {
        private static final int FRAME_BYTES_MAX = 8 << 20;

        private final ByteBuffer segment;
        private final long position;
        private final ZstdDecompressCtx zstd = new ZstdDecompressCtx();
        private final Payload payload = new Payload();

        Payloads(byte[] segment, long position) {
            this.segment = ByteBuffer.wrap(segment);
            this.position = position;
        }

        @Override
        public boolean hasNext() {
            if (!segment.hasRemaining()) {
                zstd.close();
                return false;
            }
            return true;
        }

        @Override
        public DecodedPayload next() {
            long at = position + segment.position();
            byte[] frame = new byte[segment.getInt()];
            segment.get(frame);
            byte[] message = decode(frame);
            payload.parse(message, Platform.BYTE_ARRAY_OFFSET, message.length);
            DecodedPayload decoded = new DecodedPayload();
            decoded.setOrg(payload.org);
            decoded.setMetric(payload.metric);
            decoded.setPosition(at);
            decoded.setTimes(new long[payload.points]);
            decoded.setValues(new double[payload.points]);
            long bytes = (long) payload.points * Long.BYTES;
            Platform.copyMemory(message, payload.timestampsAt, decoded.getTimes(), Platform.LONG_ARRAY_OFFSET, bytes);
            Platform.copyMemory(message, payload.valuesAt, decoded.getValues(), Platform.DOUBLE_ARRAY_OFFSET, bytes);
            return decoded;
        }

        private byte[] decode(byte[] frame) {
            long size = Zstd.getFrameContentSize(frame);
            return zstd.decompress(frame, size > 0 ? (int) size : FRAME_BYTES_MAX);
        }
    }
}
