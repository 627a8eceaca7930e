package tailor.spark.series;

/**
 * Gorilla's two codecs: a timestamp is the change of the distance to the one before, in few bits when it is small; a
 * value is its bits exclusive-or those of the value before, without their zeros at both ends. It is the encoding that
 * metric stores on the JVM use.
 */
final class Gorilla {
    /** Bits of a change of distance, by the number of ones before it; behind the last, all 64. */
    private static final int[] CHANGE_BITS = {0, 7, 9, 12, 64};
    private static final int LEADING_BITS = 5;
    private static final int LEADING_MAX = (1 << LEADING_BITS) - 1;
    private static final int LENGTH_BITS = 6;

    private Gorilla() {}

    static void encodeTimes(long[] times, int size, BitWriter out) {
        long before = 0;
        long distanceBefore = 0;
        for (int index = 0; index < size; index++) {
            long distance = times[index] - before;
            encodeChange(distance - distanceBefore, out);
            before = times[index];
            distanceBefore = distance;
        }
    }

    private static void encodeChange(long change, BitWriter out) {
        if (change == 0) {
            out.write(0, 1);
        } else if (fits(change, 7)) {
            out.write(0b10L << 7 | change & 0x7f, 9);
        } else if (fits(change, 9)) {
            out.write(0b110L << 9 | change & 0x1ff, 12);
        } else if (fits(change, 12)) {
            out.write(0b1110L << 12 | change & 0xfff, 16);
        } else {
            out.write(0b1111, 4);
            out.write(change, 64);
        }
    }

    private static boolean fits(long change, int bits) {
        return change << (Long.SIZE - bits) >> (Long.SIZE - bits) == change;
    }

    static void decodeTimes(BitReader in, long[] times, int size) {
        long before = 0;
        long distance = 0;
        for (int index = 0; index < size; index++) {
            int ones = 0;
            while (ones < 4 && in.readBit() == 1) {
                ones++;
            }
            int bits = CHANGE_BITS[ones];
            long change = bits == 0 ? 0 : in.read(bits) << (Long.SIZE - bits) >> (Long.SIZE - bits);
            distance += change;
            before += distance;
            times[index] = before;
        }
    }

    static void encodeValues(double[] values, int size, BitWriter out) {
        long before = 0;
        int leadingBefore = -1;
        int trailingBefore = 0;
        for (int index = 0; index < size; index++) {
            long bits = Double.doubleToRawLongBits(values[index]);
            long difference = bits ^ before;
            before = bits;
            if (difference == 0) {
                out.write(0, 1);
                continue;
            }
            int leading = Math.min(Long.numberOfLeadingZeros(difference), LEADING_MAX);
            int trailing = Long.numberOfTrailingZeros(difference);
            if (leadingBefore >= 0 && leading >= leadingBefore && trailing >= trailingBefore) {
                out.write(0b10, 2);
            } else {
                leadingBefore = leading;
                trailingBefore = trailing;
                int length = Long.SIZE - leading - trailing;
                out.write(0b11L << (LEADING_BITS + LENGTH_BITS) | (long) leading << LENGTH_BITS | length - 1, 13);
            }
            out.write(difference >>> trailingBefore, Long.SIZE - leadingBefore - trailingBefore);
        }
    }

    static void decodeValues(BitReader in, double[] values, int size) {
        long bits = 0;
        int leading = 0;
        int trailing = 0;
        for (int index = 0; index < size; index++) {
            if (in.readBit() == 1) {
                if (in.readBit() == 1) {
                    leading = (int) in.read(LEADING_BITS);
                    trailing = Long.SIZE - leading - (int) in.read(LENGTH_BITS) - 1;
                }
                bits ^= in.read(Long.SIZE - leading - trailing) << trailing;
            }
            values[index] = Double.longBitsToDouble(bits);
        }
    }
}
