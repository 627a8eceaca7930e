//! Bit-packed integers: frames of reference with patches, in blocks of 128.
//!
//! ```text
//! blocks := base, then one block for each 128 numbers
//! block  := head: u8 (bits 0-5 width, 63 standing for 64; bit 6 own base; bit 7 patched)
//!           [own base, less the column's base]
//!           [patch count: u8, patch width: u8, positions: u8 each, high parts: bit-packed]
//!           the low `width` bits of each number less its base, bit-packed in groups of 64
//! base   := head: u8 (low half: bytes that follow; high half: zero bytes below them), bytes of a signed number
//! ```
//!
//! The base of wide numbers is rounded down to whole bytes as long as that widens nothing: a reader of noise needs
//! none of the eight bytes of its smallest double.
//!
//! A patched number adds its high part, shifted left by `width`. So a block of zeros with a few small numbers takes a
//! width of 0 and a byte or two for each of those, and one outlier widens nothing but itself. All arithmetic wraps.

use super::bitpack::{self, GROUP, packed_bytes, width_of};
use super::{ColumnError, take_bytes, varint};

/// Numbers that share a width.
const BLOCK: usize = 128;

const WIDTH_MASK: u8 = 0x3f;
const OWN_BASE: u8 = 0x40;
const PATCHED: u8 = 0x80;

/// The smallest and the largest number of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Smallest number of the slice.
    pub(super) min: i64,
    /// Largest number of the slice.
    pub(super) max: i64,
}

impl Span {
    const EMPTY: Self = Self { min: i64::MAX, max: i64::MIN };

    #[inline]
    fn of(values: &[i64]) -> Self {
        // Four at a time: a single chain of comparisons would wait for itself.
        let (quads, rest) = values.as_chunks::<4>();
        let mut lanes = [Self::EMPTY; 4];
        for quad in quads {
            for (lane, value) in lanes.iter_mut().zip(quad) {
                *lane = lane.with(*value);
            }
        }
        let rest = rest.iter().fold(Self::EMPTY, |span, value| span.with(*value));
        lanes.into_iter().fold(rest, Self::join)
    }

    #[inline]
    fn with(self, value: i64) -> Self {
        self.join(Self { min: value, max: value })
    }

    #[inline]
    fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// Bits that are needed to tell its numbers apart.
    #[inline]
    pub(super) fn width(self) -> u32 {
        width_of(self.max.wrapping_sub(self.min) as u64)
    }
}

/// Measured size of a column's blocks, taken before one of several candidates is chosen.
#[derive(Debug, Default)]
pub(super) struct Survey {
    spans: Vec<Span>,
}

impl Survey {
    /// Measures `values`; returns the bits that they take in plain blocks. Patches may save some of those.
    pub(super) fn measure(&mut self, values: &[i64]) -> usize {
        self.spans.clear();
        let spans = values.chunks(BLOCK).map(|block| (block.len(), Span::of(block)));
        let mut bits = 0;
        self.spans.extend(spans.map(|(len, span)| {
            bits += 8 + len * span.width() as usize;
            span
        }));
        bits
    }

    /// Returns the span of all measured values.
    pub(super) fn span(&self) -> Span {
        self.spans.iter().fold(Span::EMPTY, |all, span| all.join(*span))
    }

    /// Returns the base that most blocks share: the smallest number of the narrow blocks. Wide blocks are left out,
    /// because an outlier makes a block wide.
    fn base(&self) -> i64 {
        let narrowest = self.spans.iter().map(|span| span.width()).min().unwrap_or(0);
        let narrow = self.spans.iter().filter(|span| span.width() <= narrowest + 1);
        let span = narrow.fold(Span::EMPTY, |all, span| Span { min: all.min.min(span.min), max: span.max });
        rounded(span.min, span.max)
    }

    /// Appends `values`, which must be those that were measured.
    pub(super) fn encode(&self, values: &[i64], out: &mut Vec<u8>) {
        let column_base = self.base();
        put_base(out, column_base);
        for (block, span) in values.chunks(BLOCK).zip(&self.spans) {
            encode_block(block, *span, column_base, out);
        }
    }
}

fn encode_block(block: &[i64], span: Span, column_base: i64, out: &mut Vec<u8>) {
    let base = block_base(block, span, column_base);
    let own_base = if base == column_base { 0 } else { OWN_BASE };
    let full_width = if base > span.min { 64 } else { width_of(span.max.wrapping_sub(base) as u64) };
    let width = patched_width(block, base, full_width);
    // 63 stands for 64, so a block that needs 63 bits is packed at 64.
    let width = if width >= 63 { 64 } else { width };
    let patched = if width < full_width { PATCHED } else { 0 };
    out.push((width as u8).min(WIDTH_MASK) | own_base | patched);
    if own_base != 0 {
        put_base(out, base.wrapping_sub(column_base));
    }
    if patched != 0 {
        encode_patches(block, base, width, full_width, out);
    }
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    for values in block.chunks(GROUP) {
        let mut group = [0; GROUP];
        for (slot, value) in group.iter_mut().zip(values) {
            *slot = value.wrapping_sub(base) as u64 & mask;
        }
        bitpack::pack(&group, values.len(), width, out);
    }
}

/// Chooses the number from which the others of a block are counted: the column's base if that costs no width; else
/// the block's smallest number; else the smallest of all but a few that lie far below (those wrap, and are patched).
fn block_base(block: &[i64], span: Span, column_base: i64) -> i64 {
    let width = span.width();
    if width >= 2 {
        let is_high = |value: i64| value.wrapping_sub(span.min) as u64 >> (width - 1);
        let high: u64 = block.iter().map(|value| is_high(*value)).sum();
        if high as usize * 8 > block.len() * 7 && (high as usize) < block.len() {
            let high = block.iter().copied().filter(|value| is_high(*value) != 0);
            return high.min().expect("most of the block is high");
        }
    }
    let shared = Span { min: column_base, max: span.max };
    if column_base <= span.min && shared.width() == width { column_base } else { rounded(span.min, span.max) }
}

/// Clears the low bytes of `min`, as far as that costs no bit of width up to `max`.
fn rounded(min: i64, max: i64) -> i64 {
    let width = Span { min, max }.width();
    // A byte below the width is kept: clearing it too would widen every other block.
    let clear_bytes = width.saturating_sub(8) / 8;
    let rounded = min >> (8 * clear_bytes) << (8 * clear_bytes);
    if (Span { min: rounded, max }).width() == width { rounded } else { min }
}

fn put_base(out: &mut Vec<u8>, base: i64) {
    let zero_bytes = if base == 0 { 0 } else { base.trailing_zeros() / 8 };
    let kept = base >> (8 * zero_bytes);
    let bytes = 8 - varint::zigzag(kept).leading_zeros() / 8;
    out.push(bytes as u8 | (zero_bytes as u8) << 4);
    out.extend_from_slice(&kept.to_le_bytes()[..bytes as usize]);
}

fn take_base(input: &mut &[u8]) -> Result<i64, ColumnError> {
    let head = take_bytes(input, 1, "a base")?[0];
    let (bytes, zero_bytes) = (usize::from(head & 0x0f), u32::from(head >> 4));
    if bytes > 8 || zero_bytes > 7 {
        return Err(ColumnError::Unknown { what: "the head of a base", byte: head });
    }
    let kept = take_bytes(input, bytes, "a base")?;
    let mut extended = if kept.last().is_some_and(|top| top & 0x80 != 0) { [0xff; 8] } else { [0; 8] };
    extended[..bytes].copy_from_slice(kept);
    Ok(i64::from_le_bytes(extended).wrapping_shl(8 * zero_bytes))
}

/// Chooses the width at which the block is smallest; numbers that exceed it are patched.
fn patched_width(block: &[i64], base: i64, full_width: u32) -> u32 {
    let residual = |value: &i64| value.wrapping_sub(base) as u64;
    if full_width < 2 {
        return full_width;
    }
    // Patching the numbers of full width saves a bit of each number and costs more than a byte for each patch. If an
    // eighth of them or more has full width, nothing can be gained; most blocks end here.
    let widest: u64 = block.iter().map(|value| residual(value) >> (full_width - 1)).sum();
    if widest as usize * 8 >= block.len() {
        return full_width;
    }
    let mut counts = [0u8; 65];
    for value in block {
        counts[width_of(residual(value)) as usize] += 1;
    }
    let mut best = (packed_bytes(block.len(), full_width), full_width);
    let mut patches = 0;
    for width in (0..full_width).rev() {
        patches += usize::from(counts[width as usize + 1]);
        let bytes = 2 + patches + packed_bytes(patches, full_width - width) + packed_bytes(block.len(), width);
        best = best.min((bytes, width));
    }
    best.1
}

fn encode_patches(block: &[i64], base: i64, width: u32, full_width: u32, out: &mut Vec<u8>) {
    let mut highs = [0; BLOCK];
    let head_at = out.len();
    out.extend_from_slice(&[0, (full_width - width) as u8]);
    let mut count = 0;
    for (position, value) in block.iter().enumerate() {
        let high = value.wrapping_sub(base) as u64 >> width;
        if high != 0 {
            out.push(position as u8);
            highs[count] = high;
            count += 1;
        }
    }
    out[head_at] = count as u8;
    let (groups, _) = highs.as_chunks::<GROUP>();
    for (index, group) in groups.iter().enumerate().take(count.div_ceil(GROUP)) {
        bitpack::pack(group, (count - index * GROUP).min(GROUP), full_width - width, out);
    }
}

/// Takes `values.len()` numbers off the front of `input`.
///
/// # Errors
/// The bytes are too few or contradict the layout.
pub(super) fn decode(input: &mut &[u8], values: &mut [i64]) -> Result<(), ColumnError> {
    let column_base = take_base(input)?;
    values.chunks_mut(BLOCK).try_for_each(|block| decode_block(input, column_base, block))
}

fn decode_block(input: &mut &[u8], column_base: i64, block: &mut [i64]) -> Result<(), ColumnError> {
    let head = take_bytes(input, 1, "the head of a packed block")?[0];
    let width = match head & WIDTH_MASK {
        WIDTH_MASK => 64,
        width => u32::from(width),
    };
    let own = if head & OWN_BASE == 0 { 0 } else { take_base(input)? };
    let base = column_base.wrapping_add(own);
    if head & PATCHED == 0 {
        return unpack_block(input, base, width, block);
    }
    let patches = Patches::take(input, width, block.len())?;
    unpack_block(input, base, width, block)?;
    patches.apply(block)
}

#[inline]
fn unpack_block(input: &mut &[u8], base: i64, width: u32, block: &mut [i64]) -> Result<(), ColumnError> {
    let mut group = [0; GROUP];
    for values in block.chunks_mut(GROUP) {
        bitpack::unpack(input, values.len(), width, &mut group)?;
        for (value, residual) in values.iter_mut().zip(&group) {
            *value = base.wrapping_add(*residual as i64);
        }
    }
    Ok(())
}

/// Patches of a block, still packed.
struct Patches<'a> {
    positions: &'a [u8],
    highs: &'a [u8],
    high_width: u32,
    width: u32,
}

impl<'a> Patches<'a> {
    fn take(input: &mut &'a [u8], width: u32, len: usize) -> Result<Self, ColumnError> {
        let head = take_bytes(input, 2, "the patches of a packed block")?;
        let (count, high_width) = (usize::from(head[0]), u32::from(head[1]));
        let out_of_range = |what, value, max| ColumnError::OutOfRange { what, value, max };
        if count > len {
            return Err(out_of_range("a patch count", count as u64, len as u64));
        }
        if width + high_width > 64 || width == 64 {
            return Err(out_of_range("a patch width", u64::from(high_width), u64::from(64 - width)));
        }
        let positions = take_bytes(input, count, "patch positions")?;
        if let Some(position) = positions.iter().find(|position| usize::from(**position) >= len) {
            return Err(out_of_range("a patch position", u64::from(*position), len as u64 - 1));
        }
        let highs = take_bytes(input, packed_bytes(count, high_width), "patches")?;
        Ok(Self { positions, highs, high_width, width })
    }

    fn apply(mut self, block: &mut [i64]) -> Result<(), ColumnError> {
        let mut group = [0; GROUP];
        for positions in self.positions.chunks(GROUP) {
            bitpack::unpack(&mut self.highs, positions.len(), self.high_width, &mut group)?;
            for (position, high) in positions.iter().zip(&group) {
                let value = &mut block[usize::from(*position)];
                *value = value.wrapping_add((high << self.width) as i64);
            }
        }
        Ok(())
    }
}
