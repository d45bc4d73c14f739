//! Numbers in the encoding DELTA_BINARY_PACKED
//! (<https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-encoding-delta_binary_packed--5>).

use super::thrift::varint;

/// The numbers, one after the other; they end early where the bytes do.
#[derive(Clone, Copy, Debug)]
pub struct Deltas<'a> {
    rest: &'a [u8],
    /// In a miniblock.
    numbers: u64,
    miniblocks: usize,
    left: u64,
    /// The number that comes next.
    next: i64,
    least: i64,
    /// Of the miniblocks of this block that are still to come, in bits.
    widths: &'a [u8],
    miniblock: &'a [u8],
    width: u32,
    /// Taken of this miniblock.
    taken: u64,
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (value, length) = varint(bytes)?;
    *bytes = bytes.get(length..)?;
    Some(value)
}

fn signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = number(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

impl<'a> Deltas<'a> {
    pub fn begin(mut bytes: &'a [u8]) -> Option<Self> {
        let in_a_block = number(&mut bytes)?;
        let miniblocks = usize::try_from(number(&mut bytes)?).ok()?;
        let left = number(&mut bytes)?;
        let next = signed(&mut bytes)?;
        let numbers = in_a_block.checked_div(miniblocks as u64)?;
        (numbers > 0 && numbers.is_multiple_of(8)).then_some(())?;
        let (widths, miniblock): (&[u8], &[u8]) = (&[], &[]);
        Some(Self {
            rest: bytes,
            numbers,
            miniblocks,
            left,
            next,
            least: 0,
            widths,
            miniblock,
            width: 0,
            taken: numbers,
        })
    }

    /// The bytes after the last number.
    pub fn end(mut self) -> Option<&'a [u8]> {
        let miniblocks = self.left.saturating_sub(1).div_ceil(self.numbers);
        for _ in 0..miniblocks {
            self.miniblock()?;
        }
        Some(self.rest)
    }

    fn miniblock(&mut self) -> Option<()> {
        if self.widths.is_empty() {
            self.least = signed(&mut self.rest)?;
            (self.widths, self.rest) = self.rest.split_at_checked(self.miniblocks)?;
        }
        let (width, widths) = self.widths.split_first()?;
        (*width <= 64).then_some(())?;
        let length = usize::try_from(u64::from(*width).checked_mul(self.numbers / 8)?).ok()?;
        (self.miniblock, self.rest) = self.rest.split_at_checked(length)?;
        (self.widths, self.width, self.taken) = (widths, u32::from(*width), 0);
        Some(())
    }

    fn delta(&mut self) -> Option<i64> {
        if self.taken == self.numbers {
            self.miniblock()?;
        }
        let from = usize::try_from(self.taken * u64::from(self.width)).ok()?;
        self.taken += 1;
        let mut delta = 0u64;
        for bit in 0..self.width as usize {
            let at = from + bit;
            let byte = *self.miniblock.get(at / 8)?;
            delta |= u64::from(byte >> (at % 8) & 1) << bit;
        }
        Some(self.least.wrapping_add(delta as i64))
    }
}

impl Iterator for Deltas<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        let now = self.next;
        if self.left > 0 {
            match self.delta() {
                Some(delta) => self.next = now.wrapping_add(delta),
                None => self.left = 0,
            }
        }
        Some(now)
    }
}

/// What a writer makes of these numbers.
#[cfg(test)]
pub fn packed(numbers: &[i64]) -> Vec<u8> {
    fn put(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
    let zigzag = |value: i64| ((value << 1) ^ (value >> 63)) as u64;
    let mut out = Vec::new();
    for value in [128, 4, numbers.len() as u64, zigzag(numbers.first().copied().unwrap_or(0))] {
        put(&mut out, value);
    }
    let deltas: Vec<i64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for block in deltas.chunks(128) {
        let least = *block.iter().min().unwrap();
        put(&mut out, zigzag(least));
        let miniblocks: Vec<&[i64]> = block.chunks(32).collect();
        let width =
            |block: &[i64]| 64 - block.iter().map(|delta| (delta - least) as u64).max().unwrap().leading_zeros();
        out.extend((0..4).map(|at| miniblocks.get(at).map_or(0, |block| width(block) as u8)));
        for miniblock in miniblocks {
            let width = width(miniblock) as usize;
            let mut bytes = vec![0u8; width * 4];
            for (at, delta) in miniblock.iter().enumerate() {
                for bit in 0..width {
                    let place = at * width + bit;
                    bytes[place / 8] |= (((delta - least) as u64 >> bit & 1) as u8) << (place % 8);
                }
            }
            out.extend(bytes);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_and_end_where_they_end(numbers in prop::collection::vec(-5_000_000_000i64..5_000_000_000, 0..400)) {
            let bytes = [packed(&numbers), b"after".to_vec()].concat();
            let deltas = Deltas::begin(&bytes).unwrap();
            prop_assert_eq!(deltas.end().unwrap(), b"after");
            prop_assert_eq!(deltas.collect::<Vec<_>>(), numbers);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(deltas) = Deltas::begin(&bytes) {
                let _ = deltas.end();
                let _ = deltas.take(10_000).count();
            }
        }
    }
}
