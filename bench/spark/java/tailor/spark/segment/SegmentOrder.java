package tailor.spark.segment;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Order of the segments under a folder, by their keys. With the offset of a frame it is the source order, by which
 * Tailor decides which of two points with one timestamp is the last.
 */
public final class SegmentOrder implements Serializable {
    private static final long serialVersionUID = 1;
    /** Bits of a position that hold the offset of a frame: segments of up to a tebibyte. */
    private static final int OFFSET_BITS = 40;

    private final Map<String, Integer> ordinals = new HashMap<>();

    /** Lists the segments under `folder`. */
    public static SegmentOrder of(Path folder) throws IOException {
        SegmentOrder order = new SegmentOrder();
        try (Stream<Path> files = Files.walk(folder)) {
            List<String> paths = files.map(path -> path.toAbsolutePath().toString())
                    .filter(path -> path.endsWith(".seg"))
                    .sorted()
                    .toList();
            for (String path : paths) {
                order.ordinals.put(path, order.ordinals.size());
            }
        }
        return order;
    }

    /** Returns the position of a segment's first byte; a frame's position is that plus its offset. */
    public long position(Path segment) {
        return (long) ordinals.get(segment.toAbsolutePath().toString()) << OFFSET_BITS;
    }
}
