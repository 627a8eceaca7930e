package tailor.spark.segment;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.Platform;
import scala.collection.AbstractIterator;

/**
 * Rows of a segment, one for each payload. The row's memory is the decoder's buffer: the fixed part of an `UnsafeRow`
 * is written before the decoded frame, and its last column points at the frame. Nothing is copied, no object is made.
 */
public final class PayloadRows extends AbstractIterator<InternalRow> {
    public static final StructType SCHEMA = new StructType()
            .add("org", DataTypes.LongType, false)
            .add("metric", DataTypes.LongType, false)
            .add("position", DataTypes.LongType, false)
            .add("payload", DataTypes.BinaryType, false);
    /** Ordinal of the column with the payload's message. */
    public static final int PAYLOAD = 3;

    /** Bits that say which columns are null, then a word for each column. */
    private static final int NULL_BYTES = 8;
    private static final int FIXED_BYTES = NULL_BYTES + SCHEMA.size() * Long.BYTES;

    private final Frames frames = Frames.ofThread(FIXED_BYTES);
    private final Payload payload = new Payload();
    private final UnsafeRow row = new UnsafeRow(SCHEMA.size());
    private final long position;
    private boolean isDecoded;

    /** Opens the frames of `segment` that start within `[from, to)`; `position` is that of the segment. */
    public PayloadRows(Path segment, long from, long to, long position) {
        this.position = position;
        try {
            frames.open(segment, from, to);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Override
    public boolean hasNext() {
        try {
            isDecoded = isDecoded || frames.next();
            return isDecoded;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Override
    public InternalRow next() {
        if (!hasNext()) {
            throw new java.util.NoSuchElementException();
        }
        isDecoded = false;
        long at = frames.address();
        payload.parse(null, at + FIXED_BYTES, frames.length());
        Platform.putLong(null, at, 0);
        putColumn(at, 0, payload.org);
        putColumn(at, 1, payload.metric);
        putColumn(at, 2, position + frames.offset());
        putColumn(at, PAYLOAD, (long) FIXED_BYTES << 32 | frames.length());
        row.pointTo(null, at, roundedToWords(FIXED_BYTES + frames.length()));
        return row;
    }

    private static void putColumn(long row, int ordinal, long word) {
        Platform.putLong(null, row + NULL_BYTES + (long) ordinal * Long.BYTES, word);
    }

    private static int roundedToWords(int bytes) {
        return (bytes + Long.BYTES - 1) & -Long.BYTES;
    }
}
