package tailor.spark.series;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Bits, first ones high, in an array that grows and is kept. */
public final class BitWriter {
    private static final VarHandle WORD =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private byte[] bytes = new byte[1 << 16];
    private int full;
    private long word;
    private int free = Long.SIZE;

    /** Appends the low `count` bits of `bits`; `count` is 1 to 64, and the bits above are zero. */
    void write(long bits, int count) {
        if (count < free) {
            free -= count;
            word |= bits << free;
            return;
        }
        int over = count - free;
        word |= bits >>> over;
        flush();
        free = Long.SIZE - over;
        word = over == 0 ? 0 : bits << free;
    }

    private void flush() {
        if (full + Long.BYTES > bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * bytes.length);
        }
        WORD.set(bytes, full, word);
        full += Long.BYTES;
    }

    /** Begins anew. */
    void clear() {
        full = 0;
        word = 0;
        free = Long.SIZE;
    }

    /** Fills the last byte with zeros, and returns the number of bytes. */
    int finish() {
        int size = full + (Long.SIZE - free + Byte.SIZE - 1) / Byte.SIZE;
        if (free < Long.SIZE) {
            flush();
        }
        return size;
    }

    /** Returns the array, whose first {@link #finish} bytes count. */
    byte[] bytes() {
        return bytes;
    }
}
