//! A picture of sea and sky, as a PNG.
//!
//! ```text
//! signature · IHDR (width, height, 8 bit, RGB) · IDAT (zlib: stored blocks of scan lines, each after its filter byte 0) · IEND
//! ```
//! Stored, not compressed: photographs do not compress, and a demonstration needs contents of some size.

use super::random::Random;

/// Bytes of a picture of that size, roughly.
pub(crate) fn size(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height) * 3
}

/// Draws a picture of `width` times `height` pixels.
pub(crate) fn draw(width: u32, height: u32, random: &mut Random) -> Vec<u8> {
    let mut header = Vec::with_capacity(13);
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"IDAT", &zlib_stored(&scene(width, height, random)));
    chunk(&mut png, b"IEND", &[]);
    png
}

/// Scan lines: a sky that grows light towards the horizon, a sun, waves below.
fn scene(width: u32, height: u32, random: &mut Random) -> Vec<u8> {
    let horizon = height * (45 + random.below(20) as u32) / 100;
    let sun = (random.below(width.into()) as i64, i64::from(horizon) - random.below(1 + u64::from(horizon) / 2) as i64);
    let radius = i64::from(height / 14);
    let swell = 0.02 + random.fraction() * 0.05;
    let mut lines = Vec::with_capacity(((width * 3 + 1) * height) as usize);
    for y in 0..height {
        lines.push(0);
        let depth = f64::from(y) / f64::from(height.max(1));
        for x in 0..width {
            // A little noise, as of a camera.
            let grain = (random.next() & 7) as f64;
            let (dx, dy) = (i64::from(x) - sun.0, i64::from(y) - sun.1);
            let [r, g, b] = if y >= horizon {
                let wave = (f64::from(x) * swell + f64::from(y) * 0.3).sin() * 14.0;
                [20.0 + wave, 80.0 + wave + 40.0 * (1.0 - depth), 120.0 + wave]
            } else if dx * dx + dy * dy < radius * radius {
                [250.0, 230.0, 170.0]
            } else {
                [110.0 + 160.0 * depth, 150.0 + 110.0 * depth, 205.0 + 30.0 * depth]
            };
            // `as` saturates, which is what a pixel wants.
            lines.extend([(r + grain) as u8, (g + grain) as u8, (b + grain) as u8]);
        }
    }
    lines
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let from = png.len();
    png.extend(kind);
    png.extend(data);
    let crc = crc32(&png[from..]);
    png.extend(crc.to_be_bytes());
}

fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    // 5552 is the most bytes whose sums cannot overflow before the remainder is taken.
    for part in data.chunks(5552) {
        for &byte in part {
            a += u32::from(byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    (b << 16) | a
}

fn crc32(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !data.iter().fold(!0, |crc, &byte| TABLE[((crc ^ u32::from(byte)) & 0xFF) as usize] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }
}
