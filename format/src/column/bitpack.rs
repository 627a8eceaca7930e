//! Packs groups of 64 unsigned numbers at a width of 0 to 64 bits.
//!
//! Number `i` of a group takes the bits `i * width ..` of a little-endian bit stream, so a full group is `width` words
//! of eight bytes. A shorter last group is packed as if it were filled up with zeros and then cut to whole bytes.
//! Each width has its own straight-line code: all shifts are constants.

use super::ColumnError;

/// Numbers in a full group.
pub const GROUP: usize = 64;

/// Bytes of a group at the largest width.
const GROUP_BYTES_MAX: usize = GROUP * 8;

/// Repeats a block for each index of a group, as a constant: the compiler does not unroll a loop this long by itself.
macro_rules! for_each_in_group {
    ($i:ident => $body:block) => {
        for_each_in_group!(@ $i $body
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    (@ $i:ident $body:block $($n:literal)*) => { $( { const $i: usize = $n; $body } )* };
}

/// A table of one function per width.
macro_rules! per_width {
    ($function:ident) => {
        per_width!(@ $function
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
            33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64)
    };
    (@ $function:ident $($width:literal)*) => { [$( $function::<$width> ),*] };
}

type Pack = fn(&[u64; GROUP], &mut [u8; GROUP_BYTES_MAX]);
type Unpack = fn(&[u8], &mut [u64; GROUP]);

static PACK: [Pack; 65] = per_width!(pack_group);
static UNPACK: [Unpack; 65] = per_width!(unpack_group);

/// Counts the bits that `value` needs.
#[inline]
pub const fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Counts the bytes that `n` numbers take at `width` bits each.
#[inline]
pub const fn packed_bytes(n: usize, width: u32) -> usize {
    (n * width as usize).div_ceil(8)
}

/// Appends the first `n` numbers of `group`; each must fit in `width` bits, and those from `n` on must be zero.
#[inline]
pub fn pack(group: &[u64; GROUP], n: usize, width: u32, out: &mut Vec<u8>) {
    let mut bytes = [0; GROUP_BYTES_MAX];
    PACK[width as usize](group, &mut bytes);
    out.extend_from_slice(&bytes[..packed_bytes(n, width)]);
}

/// Takes `n` numbers (at most a group) of `width` bits off the front of `input`; the rest of `group` is left undefined.
///
/// # Errors
/// The width is over 64, or the bytes are too few.
#[inline]
pub fn unpack(input: &mut &[u8], n: usize, width: u32, group: &mut [u64; GROUP]) -> Result<(), ColumnError> {
    let Some(unpack_group) = UNPACK.get(width as usize) else {
        return Err(ColumnError::OutOfRange { what: "a packed width", value: u64::from(width), max: 64 });
    };
    let need = packed_bytes(n, width);
    let have = input.len();
    if have < need {
        return Err(ColumnError::Truncated { what: "packed numbers", need, have });
    }
    if have >= width as usize * 8 {
        // Bytes behind a short group belong to other data; they only reach numbers that nobody reads.
        unpack_group(input, group);
    } else {
        let mut bytes = [0; GROUP_BYTES_MAX];
        bytes[..need].copy_from_slice(&input[..need]);
        unpack_group(&bytes, group);
    }
    *input = &input[need..];
    Ok(())
}

fn pack_group<const W: usize>(group: &[u64; GROUP], bytes: &mut [u8; GROUP_BYTES_MAX]) {
    if W == 0 {
        return;
    }
    let mut word = 0u64;
    for_each_in_group!(I => {
        let (index, shift) = (I * W / 64, I * W % 64);
        word |= group[I] << shift;
        if shift + W >= 64 {
            bytes[index * 8..index * 8 + 8].copy_from_slice(&word.to_le_bytes());
            word = if shift + W > 64 { group[I] >> (64 - shift) } else { 0 };
        }
    });
    debug_assert_eq!(word, 0, "each number fits in {W} bits");
}

fn unpack_group<const W: usize>(bytes: &[u8], group: &mut [u64; GROUP]) {
    if W == 0 {
        *group = [0; GROUP];
        return;
    }
    let bytes = &bytes[..W * 8];
    let word =
        |index: usize| u64::from_le_bytes(bytes[index * 8..index * 8 + 8].try_into().expect("a word is eight bytes"));
    let mask = u64::MAX >> (64 - W);
    for_each_in_group!(I => {
        let (index, shift) = (I * W / 64, I * W % 64);
        let mut value = word(index) >> shift;
        if shift + W > 64 {
            value |= word(index + 1) << (64 - shift);
        }
        group[I] = value & mask;
    });
}
