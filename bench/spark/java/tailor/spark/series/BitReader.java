package tailor.spark.series;

/** Reads what {@link BitWriter} has written. It is no part of what is measured, so it is simple. */
final class BitReader {
    private final byte[] bytes;
    private long at;

    BitReader(byte[] bytes, int from) {
        this.bytes = bytes;
        at = (long) from * Byte.SIZE;
    }

    long read(int count) {
        long bits = 0;
        for (int bit = 0; bit < count; bit++) {
            bits = bits << 1 | readBit();
        }
        return bits;
    }

    int readBit() {
        int bit = bytes[(int) (at >>> 3)] >>> (7 - (at & 7)) & 1;
        at++;
        return bit;
    }
}
