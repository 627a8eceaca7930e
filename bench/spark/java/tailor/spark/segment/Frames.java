package tailor.spark.segment;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import sun.nio.ch.DirectBuffer;

/**
 * Decodes the frames of segments, one after the other, into one buffer off the heap. A thread has one of these for
 * all its segments: neither a buffer nor a zstd context is made for a frame or for a segment.
 */
public final class Frames {
    /** Most bytes of a frame, before and after decoding (docs/formats.md). */
    private static final int FRAME_BYTES_MAX = 8 << 20;
    private static final int BUFFER_BYTES = 1 << 20;
    private static final ThreadLocal<Frames> OF_THREAD = ThreadLocal.withInitial(Frames::new);

    private final ZstdDecompressCtx zstd = new ZstdDecompressCtx();
    /** Bytes before each decoded frame that are left to the caller. */
    private int room;
    private ByteBuffer encoded = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private ByteBuffer decoded = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private FileChannel file;
    /** Offset in the segment of the first byte of `encoded`. */
    private long encodedAt;
    private long endAt;
    private long frameAt;
    private int length;

    /** Returns this thread's decoder, which leaves `room` bytes before each decoded frame to its caller. */
    public static Frames ofThread(int room) {
        Frames frames = OF_THREAD.get();
        frames.room = room;
        return frames;
    }

    /** Opens a segment, to read the frames that start within `[from, to)`; skips those before, by their lengths. */
    public void open(Path segment, long from, long to) throws IOException {
        close();
        file = FileChannel.open(segment, StandardOpenOption.READ);
        encoded.position(0).limit(0);
        encodedAt = 0;
        endAt = Math.min(to, file.size());
        while (encodedAt < from) {
            encoded.clear().limit(Integer.BYTES);
            readFully(encodedAt);
            encodedAt += Integer.BYTES + Integer.toUnsignedLong(encoded.getInt(0));
            encoded.position(0).limit(0);
        }
    }

    /** Decodes the next frame; false at the end, where the segment is closed. */
    public boolean next() throws IOException {
        frameAt = encodedAt + encoded.position();
        if (frameAt >= endAt) {
            close();
            return false;
        }
        need(Integer.BYTES);
        int bytes = encoded.getInt();
        if (bytes <= 0 || bytes > FRAME_BYTES_MAX) {
            throw new IOException("a frame at " + frameAt + " claims " + Integer.toUnsignedLong(bytes) + " bytes");
        }
        need(bytes);
        length = decode(encoded.position(), bytes);
        encoded.position(encoded.position() + bytes);
        return true;
    }

    /** Returns the offset of the frame in its segment. */
    public long offset() {
        return frameAt;
    }

    /** Returns the address of the room before the decoded frame. */
    public long address() {
        return ((DirectBuffer) decoded).address();
    }

    /** Returns the number of decoded bytes. */
    public int length() {
        return length;
    }

    private void close() throws IOException {
        if (file != null) {
            file.close();
            file = null;
        }
    }

    private int decode(int at, int bytes) {
        while (true) {
            try {
                return zstd.decompressDirectByteBuffer(
                        decoded, room, decoded.capacity() - room, encoded, at, bytes);
            } catch (ZstdException error) {
                if (decoded.capacity() >= room + FRAME_BYTES_MAX) {
                    throw error;
                }
                decoded = ByteBuffer.allocateDirect(room + FRAME_BYTES_MAX);
            }
        }
    }

    /** Makes the next `bytes` of the segment available in `encoded`. */
    private void need(int bytes) throws IOException {
        if (encoded.remaining() >= bytes) {
            return;
        }
        long at = encodedAt + encoded.position();
        if (bytes > encoded.capacity()) {
            ByteBuffer larger = ByteBuffer.allocateDirect(FRAME_BYTES_MAX);
            larger.put(encoded);
            encoded = larger;
        } else {
            encoded.compact();
        }
        encodedAt = at;
        while (encoded.position() < bytes) {
            readOnce(encodedAt + encoded.position());
        }
        while (encoded.hasRemaining() && file.read(encoded, encodedAt + encoded.position()) > 0) {
            // Fills the buffer as far as the segment goes.
        }
        encoded.flip();
    }

    private void readFully(long at) throws IOException {
        for (int begun = encoded.position(); encoded.hasRemaining(); ) {
            readOnce(at + encoded.position() - begun);
        }
    }

    private void readOnce(long at) throws IOException {
        if (file.read(encoded, at) < 0) {
            throw new EOFException("the segment ends within a frame, at " + at);
        }
    }
}
